"""Shows what a task can do, and how Muster shows it. Takes any input and touches no other host."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from webapp.objects import values
from webapp.plugins.contract import Context, Manifest, Parameter

PLUGIN = Manifest(
    id="demo",
    name="Demo",
    description="Prints lines with colours and groups, reports progress, saves two files and creates an object. "
    "Its parameters make it slow, large, stubborn or a failure.",
    produces=("hostname", "software", "file:text", "file:json"),
    actions=("run", "log_showcase", "fail_on_purpose"),
    runs_on=("worker", "agent"),
    any_input=True,
    free_arguments=True,
    parameters=(
        Parameter("lines", "integer", 40, help="Numbered lines to print.", minimum=0, maximum=10_000_000),
        Parameter("seconds", "number", 0, help="How long to take, spread over the lines.", minimum=0, maximum=86_400),
        Parameter("colours", "boolean", True, help="Print colours (ANSI escape sequences)."),
        Parameter("progress", "boolean", True, help="Report progress in percent."),
        Parameter(
            "size", "integer", 0, help="Bytes of filler to print, in lines of 100.", minimum=0, maximum=10 * 2**30
        ),
        Parameter("fail", "boolean", False, help="Fail at the end, with a reason and a text."),
        Parameter("exit_code", "integer", 0, help="End with this exit code.", minimum=0, maximum=255),
        Parameter("ignore_sigterm", "boolean", False, help="Do not end when asked to; only force helps."),
        Parameter(
            "children",
            "integer",
            0,
            help="Processes to leave behind, in sessions of their own.",
            minimum=0,
            maximum=100,
        ),
        Parameter("memory", "integer", 0, help="Megabytes of memory to take.", minimum=0, maximum=1_000_000),
    ),
    settings=(Parameter("token", "secret", help="Printed by the log showcase, where it must come out masked."),),
)

COLOURS = (31, 32, 33, 34, 35, 36)


def run(context: Context) -> dict[str, object]:
    wanted = context.parameters
    if wanted["ignore_sigterm"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("From here on the signal to end (SIGTERM) is ignored.")
    _leave_children(wanted["children"])
    taken = bytearray(wanted["memory"] * 2**20)
    print(f"Demo with the input {_shown(context.inputs)}")
    _print_lines(context)
    _print_size(wanted["size"])
    if taken:
        print(f"{wanted['memory']} MB of memory are taken.", file=sys.stderr)
    key = _keep_results(context)
    if wanted["fail"]:
        context.fail("Failed on purpose, because the parameter fail was set")
    if wanted["exit_code"]:
        print(f"Ending with exit code {wanted['exit_code']}.", file=sys.stderr)
        sys.exit(wanted["exit_code"])
    return {"lines": wanted["lines"], "created": key}


def log_showcase(context: Context) -> dict[str, object]:
    """2,000 lines with everything that an output viewer must cope with."""
    token = context.settings.get("token") or "no-token-is-set"
    print(f"A secret of the settings, masked where it is kept: {token}")
    for group in range(20):
        print(f"::group::Part {group + 1} of 20")
        for line in range(100):
            _showcase_line(group, group * 100 + line + 1)
        print("::endgroup::")
        context.progress((group + 1) / 20, f"Part {group + 1} of 20")
    return {"lines": 2000}


def fail_on_purpose(context: Context) -> None:
    """Raises an error as a plugin with a bug does, with a traceback to read."""
    print("Everything looks fine …")
    print("… until a line of the answer is not as expected.", file=sys.stderr)
    answer = json.loads('{"status": "ok"}')
    raise KeyError(f"items: the answer has only {', '.join(answer)}")


def _print_lines(context: Context) -> None:
    lines = context.parameters["lines"]
    pause = context.parameters["seconds"] / max(lines, 1)
    for number in range(1, lines + 1):
        if number % 10 == 1:
            print(f"::group::Lines {number} to {min(number + 9, lines)}")
        _print_line(number, lines, context.parameters["colours"])
        if number % 10 == 0 or number == lines:
            print("::endgroup::")
        if context.parameters["progress"]:
            context.progress(number / lines, f"Line {number} of {lines}")
        time.sleep(pause)
    if not lines:
        time.sleep(context.parameters["seconds"])


def _print_line(number: int, lines: int, colours: bool) -> None:
    text = f"line {number} of {lines}: naïve café, Ελλάδα, 日本語, 🦉"
    print(f"\x1b[{COLOURS[number % len(COLOURS)]}m{text}\x1b[0m" if colours else text)
    if number % 10 == 5:
        print(f"line {number} also says this on stderr", file=sys.stderr)


def _showcase_line(group: int, number: int) -> None:
    styles = ("1", "2", "3", "4", "7", "9", "1;31", "1;32", "1;33", "38;5;208", "38;2;120;80;200", "44;37", "103;30")
    kinds = (
        f"\x1b[{styles[number % len(styles)]}mstyled line {number}\x1b[0m and plain text after it",
        f"line {number}: 漢字 עברית العربية ñ ü ß é (combined) 👩‍🚀 tab\tand tab",
        f"line {number}: <b>not bold</b> & <script>alert({number})</script>",
        f"line {number}: " + "a long line without any space ".replace(" ", "-") * 10,
        f"warning: something about line {number} deserves a look",
    )
    print(kinds[number % len(kinds)], file=sys.stderr if number % 25 == 4 else sys.stdout)


def _print_size(size: int) -> None:
    line = "0123456789" * 9 + "012345678\n"
    for _ in range(size // 100_000):
        sys.stdout.write(line * 1000)
    sys.stdout.write((line * 1000)[: size % 100_000])


def _leave_children(count: int) -> None:
    """Each is a shell and a sleeper in a new session, which a kill of the group alone misses."""
    for _ in range(count):
        child = subprocess.Popen(["sh", "-c", "sleep 3600 & wait"], start_new_session=True)
        print(f"child {child.pid} goes on by itself")


def _keep_results(context: Context) -> str:
    context.save("demo.txt", f"The demo ran with the input {_shown(context.inputs)}.\nGrüße, 日本語 🦉\n", "text")
    context.save("demo.json", {"inputs": context.inputs, "args": context.args, "kwargs": context.kwargs}, "json")
    try:
        return context.emit("hostname", name=values.hostname(context.inputs[0]))
    except (IndexError, ValueError):
        return context.emit("software", name="muster-demo", version=PLUGIN.version)


def _shown(inputs: list[object]) -> str:
    return json.dumps(inputs, ensure_ascii=False)[:500]
