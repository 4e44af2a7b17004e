"""What the tasks of a storm do: they leave marks in a ledger outside the system, and print lines that are known before.

The ledger is the independent witness. Each mark is one short write to a file opened for appending, so that marks of
many processes never mix.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

PLUGIN_ID = "marker"
LINE = "{key} line {number:06} …………………………………………………………………………"  # more than one byte a sign

SOURCE = '''
import os, signal, subprocess, sys, time

from webapp.plugins.contract import Manifest, Parameter

LEDGER = {ledger!r}
LINE = {line!r}
PLUGIN = Manifest(
    id={id!r}, name="Marker", description="Leaves marks in a ledger.", any_input=True,
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


def marks(ledger: Path) -> list[Mark]:
    found = []
    for line in ledger.read_text().splitlines():
        word, uuid, pid, boot, at, key = line.split(" ", 5)
        found.append(Mark(word, uuid, int(pid), boot, float(at), key))
    return found


def digest(key: str, lines: int) -> str:
    """SHA-256 of what a run prints that came to its end."""
    text = "".join(LINE.format(key=key, number=number) + "\n" for number in range(lines))
    return hashlib.sha256(text.encode()).hexdigest()
