"""A task's output as server-sent events, while it grows. Each event's id is the place behind it, so that a reader
whose line was cut goes on exactly there."""

from __future__ import annotations

import codecs
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from flask import Flask

from webapp.clock import iso
from webapp.db import unit
from webapp.rest.values import Json
from webapp.tasks.log.output_view import Both, View, open_view
from webapp.tasks.models import Task

PAUSE = 0.2
LOOK = 0.5  # seconds between two looks at the task
BEAT = 15.0
LONGEST = 300.0  # then the reader comes again, and shows its key again
BITE = 64 * 1024


@dataclass(frozen=True)
class Reader:
    """What somebody follows: a stream, from a place on; whether each part says when it came; whether they stay on."""

    stream: str
    place: int
    timestamps: bool = False
    stays: bool = True


@dataclass(frozen=True)
class Seen:
    """The task at the latest look. Each look is a transaction of its own, which is over before anybody waits."""

    began: datetime | None = None
    ended: bool = False
    told: Json = field(default_factory=dict)


def events(app: Flask, task_id: int, folder: Path, reader: Reader) -> Iterator[bytes]:
    begun = told = time.monotonic()
    looked, place = 0.0, reader.place
    seen = Seen()
    yield b"retry: 1000\n\n"
    while time.monotonic() - begun < LONGEST:
        if time.monotonic() - looked >= LOOK:
            looked, seen = time.monotonic(), _look(app, task_id)
        before = place
        for behind, text in _grown(folder, reader, place, seen):
            yield text
            place, told = behind, time.monotonic()
        if seen.ended or not reader.stays:
            yield _event("end", seen.told)
            return
        if time.monotonic() - told > BEAT:
            yield b": still here\n\n"
            told = time.monotonic()
        if place == before:
            time.sleep(PAUSE)


def _look(app: Flask, task_id: int) -> Seen:
    with unit(app, "output followed", reading=True) as session:
        task = session.get(Task, task_id)
        if task is None:
            return Seen(None, True, {"status": "deleted", "exit_code": None})
        return Seen(task.started_at, task.final, {"status": task.status, "exit_code": task.exit_code})


def _grown(folder: Path, reader: Reader, place: int, seen: Seen) -> Iterator[tuple[int, bytes]]:
    """The places and events behind `place`, up to what is there now. A letter may begin in one part and end in the next."""
    letters: defaultdict[str, codecs.IncrementalDecoder] = defaultdict(
        lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    with open_view(folder, reader.stream) as view:
        while place < view.size:
            data = view.read(place, min(place + BITE, view.size))
            data = data if seen.ended and place + len(data) == view.size else _whole(data)
            if not data:
                return
            for part in _parts(view, seen.began if reader.timestamps else None, place, place + len(data)):
                last = seen.ended and part.end == view.size
                text = letters[part.stream].decode(data[part.begin - place : part.end - place], last)
                yield part.end, _event("output", {"stream": part.stream, "text": text} | part.told, part.end)
            place += len(data)


class Part(NamedTuple):
    stream: str
    begin: int
    end: int
    told: Json


def _parts(view: View, began: datetime | None, begin: int, end: int) -> Iterator[Part]:
    """Which stream each part belongs to, and when it came if that is asked. Neighbours that are alike are one part."""
    name, start = view.name, begin
    told: Json = {}
    for piece in view.pieces(begin, end) if began or isinstance(view, Both) else ():
        moment = {"at": iso(began + timedelta(milliseconds=piece.ms))} if began else {}
        if (piece.stream, moment) != (name, told) and piece.place > start:
            yield Part(name, start, piece.place, told)
            start = piece.place
        name, told = piece.stream, moment
    yield Part(name, start, end, told)


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
