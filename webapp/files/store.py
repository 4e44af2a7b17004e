"""Where bytes lie: under names of ours, written aside and renamed, hashed on the way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from webapp.language import _

CHUNK = 2**20


class TooLarge(ValueError):
    """More bytes than a file may have."""


def path_of(data: Path, organization_id: int, uuid: str) -> Path:
    return data / "artifacts" / str(organization_id) / uuid[:2] / uuid


def keep(data: Path, organization_id: int, source: BinaryIO, limit: int) -> tuple[str, int, str]:
    """Take the bytes in; answers with the store's name for them, their count and their SHA-256."""
    uuid = str(uuid4())
    path = path_of(data, organization_id, uuid)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(".part")
    digest, size = hashlib.sha256(), 0
    try:
        with open(part, "xb", opener=_private) as target:
            for chunk in _chunks(source):
                size += len(chunk)
                if size > limit:
                    raise TooLarge(_("The limit is %(limit)s bytes", limit=f"{limit:,}"))
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return uuid, size, digest.hexdigest()


def remove(data: Path, organization_id: int, uuid: str) -> None:
    path_of(data, organization_id, uuid).unlink(missing_ok=True)


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
