"""Following a task from the terminal: its output as it comes, and its end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import click

from webapp.commands.client.server import Json, Refusal, Server, path_of
from webapp.commands.exits import CANCELLED, FAILED, OK, WAITED_TOO_LONG, Exit

INTERRUPTED = 130  # as a shell says it
WAIT = 30  # seconds that one call waits on the server's side
PAUSE = 1.0
BAD = ("failed", "expired")
STOPPED = ("cancelled", "terminated", "skipped")
FINAL = ("completed", *BAD, *STOPPED)
Printed = Callable[[Json], None]


def output(server: Server, task_id: str, show: Printed | None = None, **how: Any) -> Json:
    """Prints until the task has ended; answers with its status and exit code.

    `how` is what the server takes: stream, since, timestamps, stay.
    """
    place, show = 0, show or printed
    while True:
        try:
            for kind, behind, data in _events(server, task_id, how, place):
                if kind == "end":
                    return data
                show(data)
                place = behind
        except Refusal as refusal:
            if refusal.status != 503 or len(how) > 1:  # parts of a file know nothing of time
                raise
            place = _parts(server, task_id, how, place, show)
            task = server.get("tasks", task_id, "", wait=1)
            if task["status"] in FINAL:
                _parts(server, task_id, how, place, show)
                return {"status": task["status"], "exit_code": task["exit_code"]}
            time.sleep(PAUSE)


def end_of_batch(server: Server, batch_id: str, most: float | None) -> Json:
    """The batch once none of its tasks is open."""
    return _end(lambda wait: server.get("batches", batch_id, "", wait=wait), _batch_ended, most)


def end_of_task(server: Server, task_id: str, most: float | None) -> Json:
    return _end(lambda wait: server.get("tasks", task_id, "", wait=wait), lambda task: task["status"] in FINAL, most)


def exit_code(statuses: Json) -> int:
    """The worst of them, by how many have each status."""
    if any(statuses.get(status) for status in BAD):
        return FAILED
    return CANCELLED if any(statuses.get(status) for status in STOPPED) else OK


def detach(task_id: str) -> NoReturn:
    """Ctrl-C leaves the task alone."""
    short = task_id[:8]
    click.echo(f"\nThe task goes on. Follow it: muster logs {short} --follow. Stop it: muster cancel {short}", err=True)
    sys.exit(INTERRUPTED)


def _end(ask: Callable[[int], Json], ended: Callable[[Json], bool], most: float | None) -> Json:
    """Asks with a wait on the server's side, until it has ended or `most` seconds are over."""
    until = None if most is None else time.monotonic() + most
    while True:
        asked = time.monotonic()
        left = WAIT if until is None else until - asked
        found = ask(max(0, min(WAIT, int(left))))
        if ended(found):
            return found
        if until is not None and time.monotonic() >= until:
            raise Exit(WAITED_TOO_LONG, f"It has not ended within {most:g} s, and goes on")
        if time.monotonic() - asked < PAUSE:
            time.sleep(PAUSE)  # all the server's seats for waiting are taken


def _batch_ended(batch: Json) -> bool:
    return batch["total"] is not None and all(status in FINAL for status in batch["counts"])


def _events(server: Server, task_id: str, how: Json, place: int) -> Iterator[tuple[str, int, Json]]:
    path = path_of(("tasks", task_id, "output"), how | {"follow": 1, "offset": place})
    answer = server.send("GET", path, headers={"Accept": "text/event-stream"})
    kind, data = "", ""
    for line in answer:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "id":
            place = int(value)
        elif name == "data":
            data = value
        elif not name and data:
            yield kind, place, json.loads(data)
            kind, data = "", ""
    answer.close()


def _parts(server: Server, task_id: str, how: Json, place: int, show: Printed) -> int:
    """What has come behind `place`, as a file's part."""
    path = path_of(("tasks", task_id, "output"), how)
    try:
        data = server.send("GET", path, headers={"Range": f"bytes={place}-"}).read()
    except Refusal as refusal:
        if refusal.status != 416:
            raise
        return place
    show({"text": data.decode(errors="replace")})
    return place + len(data)


def printed(part: Json) -> None:
    click.echo(part["text"], nl=False)
    sys.stdout.flush()
