"""Files as one zip, written while it is sent. The names in it are ours: nothing that somebody typed becomes a path."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from webapp.files.models import File
from webapp.files.store import CHUNK

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
# What Windows takes for a device, whatever its extension.
_DEVICE = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


class Pipe(io.RawIOBase):
    """Takes what the archive writes, and hands it on; it cannot be sought, so sizes follow each file's content."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._parts.append(bytes(data))  # type: ignore[call-overload]
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def stream(files: Iterable[tuple[File, Path]]) -> Iterator[bytes]:
    """Content that is gone meanwhile is left out."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for number, (file, path) in enumerate(files, 1):
            if not path.exists():
                continue
            entry = zipfile.ZipInfo(safe_name(number, file.name), file.created_at.timetuple()[:6])
            entry.external_attr = 0o600 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while data := source.read(CHUNK):
                    target.write(data)
                    yield pipe.take()
    yield pipe.take()


def safe_name(number: int, name: str) -> str:
    """001-report.json: a number keeps equal names apart, and no name can lead out of the folder."""
    kept = _UNSAFE.sub("-", name).strip("-.")[-100:] or "file"
    return f"{number:03d}-{kept}" if not _DEVICE.match(kept) else f"{number:03d}-file-{kept}"
