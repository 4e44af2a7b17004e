"""A supervisor over stand-in parts, as a process of its own: `python -m tests.workers.stand_ins LEDGER PART…`.

Each part writes what happens to it into the ledger. A part's name says its habits: `stubborn` ignores SIGTERM, `brief`
ends by itself once all are ready, `broken` at once, `never` is never ready, `parent` has a child in its group, and
what begins with `forked` is a fork of the supervisor and no new program.
"""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from webapp import logs
from webapp.config import load
from workers import supervisor
from workers.children import Process, fork, spawn
from workers.supervisor import Part, PartFailed, Stopped, Supervisor


def supervise(ledger: str, names: list[str]) -> int:
    logs.setup(load({}), "up")
    supervisor.FIRST_PAUSE = 0.1
    watching = Supervisor()
    with watching.listening():
        try:
            for name in names:
                argv = [sys.executable, "-m", "tests.workers.stand_ins", ledger, "--part", name]
                part = Part(
                    name, partial(spawn, argv), ready=partial(told, ledger, f"{name} up "), patience=10, grace=0.5
                )
                watching.start(part)
                watching.wait(part)
            tell(ledger, "supervisor ready")
            watching.watch()
        except Stopped:
            pass
        except PartFailed as error:
            tell(ledger, f"supervisor failed: {error}")
        watching.stop()
    return 0


def start(ledger: str, name: str) -> Process:
    if name.startswith("forked"):
        return fork(partial(live, ledger, name))
    return spawn([sys.executable, "-m", "tests.workers.stand_ins", ledger, "--part", name])


def live(ledger: str, name: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: stop(ledger, name))
    if name == "parent":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        tell(ledger, f"grandchild up {child.pid}")
    if name == "broken":
        sys.exit(3)
    tell(ledger, f"{name} {'unready' if name == 'never' else 'up'} {os.getpid()}")
    while name != "brief" or not told(ledger, "supervisor ready"):
        time.sleep(0.02 if name == "brief" else 60)


def stop(ledger: str, name: str) -> None:
    tell(ledger, f"{name} asked")
    if name != "stubborn":
        os._exit(0)


def tell(ledger: str, line: str) -> None:
    with open(ledger, "a") as file:
        file.write(line + "\n")


def told(ledger: str, start: str) -> bool:
    return any(line.startswith(start) for line in Path(ledger).read_text().splitlines())


if __name__ == "__main__":
    if sys.argv[2] == "--part":
        live(sys.argv[1], sys.argv[3])
    else:
        sys.exit(supervise(sys.argv[1], sys.argv[2:]))
