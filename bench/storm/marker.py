"""What the tasks of a storm do: they leave marks in a ledger outside the system, and print lines that are known before.

The ledger is the independent witness. Each mark is one short write to a file opened for appending, so that marks of
many processes never mix.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLUGIN_ID = "marker"
LINE = "{key} line {number:06} …………………………………………………………………………"  # more than one byte a sign

SOURCE = '''
import os, signal, subprocess, sys, time

from webapp.plugins.contract import Manifest, Parameter

LEDGER = {ledger!r}
LINE = {line!r}
PLUGIN = Manifest(
    id={id!r}, name="Marker", description="Leaves marks in a ledger.", any_input=True, runs_on=("worker", "agent"),
    parameters=(
        Parameter("lines", "integer", 10), Parameter("seconds", "number", 0), Parameter("exit_code", "integer", 0),
        Parameter("stubborn", "boolean", False), Parameter("children", "integer", 0),
    ),
)


def run(context):
    wanted, key = context.parameters, context.inputs[0]
    if wanted["stubborn"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave_behind(wanted["children"])
    mark("start", key)
    for number in range(wanted["lines"]):
        print(LINE.format(key=key, number=number))
        time.sleep(wanted["seconds"] / wanted["lines"])
    mark("end", key)
    if wanted["exit_code"]:
        sys.exit(wanted["exit_code"])


def mark(word, key):
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    line = f"{{word}} {{os.environ['MUSTER_TASK_ID']}} {{os.getpid()}} {{boot}} {{time.time():.3f}} {{key}}\\n"
    ledger = os.open(LEDGER, os.O_WRONLY | os.O_APPEND)
    os.write(ledger, line.encode())
    os.close(ledger)


def leave_behind(count):
    """Forked twice, in sessions of their own, deaf to SIGTERM."""
    for _ in range(count):
        code = "import os, signal, time; os.fork() and os._exit(0); os.setsid(); signal.signal(15, 1); time.sleep(3600)"
        subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True).wait()
'''

# The same as a program, for commands and as the build of a test: its arguments are the key and the parameters.
PROGRAM = """#!{python}
import os, signal, subprocess, sys, time

LEDGER = {ledger!r}
LINE = {line!r}


def main(key, lines, seconds, exit_code, stubborn, children):
    if int(stubborn):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave_behind(int(children))
    mark("start", key)
    for number in range(int(lines)):
        print(LINE.format(key=key, number=number), flush=True)
        time.sleep(float(seconds) / int(lines))
    mark("end", key)
    sys.exit(int(exit_code))


{functions}

main(*sys.argv[1:])
"""


@dataclass(frozen=True)
class Mark:
    word: str
    uuid: str
    pid: int
    boot: str
    at: float
    key: str


def install(folder: Path, ledger: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "marker.py").write_text(SOURCE.format(ledger=str(ledger), line=LINE, id=PLUGIN_ID))


def install_program(path: Path, ledger: Path) -> None:
    source = SOURCE.format(ledger=str(ledger), line=LINE, id=PLUGIN_ID)
    functions = source[source.index("def mark(") :]
    path.write_text(PROGRAM.format(python=sys.executable, ledger=str(ledger), line=LINE, functions=functions))
    path.chmod(0o755)


def asked(type: str, data: dict[str, Any]) -> tuple[str, int]:
    """Which key a task carries, and how many lines it prints when it comes to its end."""
    if type == "plugin":
        return data["input_data"][0], data["kwargs"]["lines"]
    key, lines = (data["argv"][1:] if type == "execute_command" else data["arguments"])[:2]
    return key, int(lines)


def marks(ledger: Path) -> list[Mark]:
    found = []
    for line in ledger.read_text().splitlines():
        word, uuid, pid, boot, at, key = line.split(" ", 5)
        found.append(Mark(word, uuid, int(pid), boot, float(at), key))
    return found


def digest(key: str, lines: int) -> str:
    """SHA-256 of what a run prints that came to its end."""
    return hashlib.sha256(text(key, lines)).hexdigest()


def text(key: str, lines: int) -> bytes:
    return "".join(LINE.format(key=key, number=number) + "\n" for number in range(lines)).encode()
