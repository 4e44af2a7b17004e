"""A task's output as server-sent events, while it grows. Each event's id is the place behind it, so that a reader
whose line was cut goes on exactly there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

from webapp.db import unit
from webapp.rest.values import Json
from webapp.tasks.log.output_view import Both, View, open_view
from webapp.tasks.models import Task

PAUSE = 0.2
LOOK = 0.5  # seconds between two looks at the task
BEAT = 15.0
LONGEST = 300.0  # then the reader comes again, and shows its key again
BITE = 64 * 1024


def events(app: Flask, task_id: int, folder: Path, stream: str, place: int) -> Iterator[bytes]:
    begun = told = time.monotonic()
    looked = 0.0
    ended: Json | None = None
    yield b"retry: 1000\n\n"
    while time.monotonic() - begun < LONGEST:
        if time.monotonic() - looked >= LOOK:
            looked, ended = time.monotonic(), _end(app, task_id)
        before = place
        for behind, text in _grown(folder, stream, place, final=ended is not None):
            yield text
            place, told = behind, time.monotonic()
        if ended:
            yield _event("end", ended)
            return
        if time.monotonic() - told > BEAT:
            yield b": still here\n\n"
            told = time.monotonic()
        if place == before:
            time.sleep(PAUSE)


def _end(app: Flask, task_id: int) -> Json | None:
    """How it ended; None while it goes on. In a transaction of its own, which is over before anybody waits."""
    with unit(app, "output followed", reading=True) as session:
        task = session.get(Task, task_id)
        if task is None:
            return {"status": "deleted", "exit_code": None}
        return {"status": task.status, "exit_code": task.exit_code} if task.final else None


def _grown(folder: Path, stream: str, place: int, final: bool) -> Iterator[tuple[int, bytes]]:
    """The places and events behind `place`, up to what is there now."""
    with open_view(folder, stream) as view:
        while place < view.size:
            data = view.read(place, min(place + BITE, view.size))
            data = data if final and place + len(data) == view.size else _whole(data)
            if not data:
                return
            for name, begin, end in _runs(view, place, place + len(data)):
                text = data[begin - place : end - place].decode(errors="replace")
                yield end, _event("output", {"stream": name, "text": text}, end)
            place += len(data)


def _runs(view: View, begin: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Which stream each part belongs to; neighbours of one stream are one part."""
    if not isinstance(view, Both):
        yield view.name, begin, end
        return
    name, start = "", begin
    for piece in view.pieces(begin, end):
        if piece.stream != name and piece.place > start:
            yield name, start, piece.place
            start = piece.place
        name = piece.stream
    yield name or view.name, start, end


def _whole(data: bytes) -> bytes:
    """Without the beginning of a letter whose other bytes have not come yet."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if length > back else data
        if byte < 0x80:
            break
    return data


def _event(kind: str, data: Json, place: int | None = None) -> bytes:
    name = f"id: {place}\n" if place is not None else ""
    return f"event: {kind}\n{name}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
