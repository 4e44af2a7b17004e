"""What a plugin told on a host beside its output, on its way into the database.

It arrives before the last word and is queued with it; a loop takes it in, since it may tell of thousands of objects.
The folder is the queue: what lies in `waiting` waits.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from webapp.files.store import CHUNK, TooLarge
from webapp.language import _
from webapp.plugins.journal import EVENTS


def receive(data: Path, uuid: str, source: BinaryIO, limit: int) -> tuple[int, str]:
    """Aside; answers with its size and SHA-256, so that the caller can keep or `drop` it."""
    path = _arriving(data, uuid)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with open(path / f"{EVENTS}.part", "wb") as part:
        while piece := source.read(CHUNK):
            size += len(piece)
            if size > limit:
                raise TooLarge(_("The limit is %(limit)s bytes", limit=f"{limit:,}"))
            digest.update(piece)
            part.write(piece)
        part.flush()
        os.fsync(part.fileno())
    return size, digest.hexdigest()


def keep(data: Path, uuid: str) -> None:
    """It is what was announced."""
    os.replace(_arriving(data, uuid) / f"{EVENTS}.part", _arriving(data, uuid) / EVENTS)


def drop(data: Path, uuid: str) -> None:
    shutil.rmtree(_arriving(data, uuid), ignore_errors=True)


def queue(data: Path, uuid: str) -> None:
    """Its task has ended. Said twice, it is queued once."""
    if (_arriving(data, uuid) / EVENTS).exists():
        target = data / "journals" / "waiting" / uuid
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(_arriving(data, uuid), target)


def waiting(data: Path) -> Iterable[Path]:
    """Folders, each named by its task."""
    return sorted((data / "journals" / "waiting").glob("*"))


def _arriving(data: Path, uuid: str) -> Path:
    return data / "journals" / "arriving" / uuid
