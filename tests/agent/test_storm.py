"""Everything at once: the agent and its runners are killed at random while the server fails at random.

A witness file outside of both tells what really ran.
"""

import os
import random
import signal
import threading
import time
from collections import Counter

import pytest

from tests.agent.server import Fault
from workers.agent.protocol import OUTCOME_UNKNOWN

FINAL = ("completed", "failed", "terminated", "cancelled")
VERBS = ("*", "claim", "start", "log", "result", "heartbeat", "artifacts", "status", "cancelled", "fail")
COMMAND = """
echo $MUSTER_TASK_ID >> {ledger}; n=0
while [ $n -lt {lines} ]; do echo line $n; echo note $n >&2; n=$((n+1)); sleep 0.0{pause}; done
echo $n > $MUSTER_OUT/count; exit {code}
"""


@pytest.mark.parametrize("seed", [1])
def test_every_task_ends_once_and_its_output_is_whole(server, host, tmp_path, seed):
    dice, ledger = random.Random(seed), tmp_path / "ledger"
    host.start("--capacity", "6")
    stop = reaping(server)
    rows = []
    for _ in range(60):
        rows += [server.command(command(dice, ledger)) for _ in range(dice.randint(0, 1))]
        trouble(dice, server, host, rows)
        server.wait_for_beats(0)
    server.faults.clear()
    server.wait(lambda: all(row.state in FINAL for row in rows), Counter(row.state for row in rows))
    stop.set()
    ran = Counter(ledger.read_text().split())
    assert max(ran.values()) == 1
    for row in rows:
        assert row.state != "completed" or ran[row.id] == 1
        assert row.fail is None or ran[row.id] == 0
        if row.result and row.result["exit_code"] != OUTCOME_UNKNOWN and not row.late:
            assert_whole(row)
    server.objections = [text for text in server.objections if "seq" not in text]  # beats that came twice


def command(dice, ledger):
    return COMMAND.format(ledger=ledger, lines=dice.randint(0, 40), pause=dice.randint(0, 5), code=dice.choice("003"))


def trouble(dice, server, host, rows):
    what = dice.random()
    if what < 0.12:
        host.kill()
        host.start("--capacity", "6")
    elif what < 0.18:
        runners = [pid for pid in map(host.runner, host.folders()) if pid]
        for pid in runners[:1]:
            os.kill(pid, signal.SIGKILL)
    elif what < 0.5:
        server.faults = [fault for fault in server.faults if fault.times > 0]
        server.faults.append(
            Fault(dice.choice(VERBS), dice.choice(["lose", "status", "duplicate"]), dice.randint(1, 4))
        )
    elif what < 0.55 and rows:
        server.cancel(dice.choice(rows))


def assert_whole(row):
    count = row.logs["stdout"].count(b"\n")
    assert row.logs["stdout"] == b"".join(b"line %d\n" % n for n in range(count))
    assert row.logs["stderr"] == b"".join(b"note %d\n" % n for n in range(count))
    assert [body for _, _, body in row.artifacts.values()] == [b"%d\n" % count]


def reaping(server):
    """What real servers do with leases that nobody renews; until the event is set."""
    stop, seen = threading.Event(), {}

    def reap():
        while not stop.wait(0.2):
            with server.changed:
                renewed = {task.task_id for beat in server.beats[-1:] for task in beat.running}
                for row in server.tasks.values():
                    if row.state not in ("assigned", "downloading") or row.id in renewed:
                        seen.pop(row.id, None)
                    elif time.monotonic() - seen.setdefault(row.id, time.monotonic()) > 3:
                        server.give_up(row)

    threading.Thread(target=reap, daemon=True).start()
    return stop
