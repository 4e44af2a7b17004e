"""The files that a task leaves in out/: which they are, and how they get to the server."""

import hashlib
import os
import stat
import urllib.parse
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Optional

from . import journal, protocol
from .client import Client, Final
from .folder import TaskFolder

_NAMED = 20  # of those left out
_SEND_S = 120


class Artifact(NamedTuple):
    name: str
    path: str
    type: str


def find(folder: TaskFolder) -> tuple[list[Artifact], list[str]]:
    """The regular files and the journal; and the names of those beyond the limits."""
    found: list[Artifact] = []
    left_out: list[str] = []
    room = protocol.MAX_ARTIFACTS_TOTAL
    types = journal.read(folder).types
    for name, path, size in _walk(os.path.join(folder.scratch, "out")):
        if size > min(room, protocol.MAX_ARTIFACT) or len(found) == protocol.MAX_ARTIFACTS:
            left_out += [f"{name} ({size} bytes)"] if len(left_out) < _NAMED else []
        else:
            found.append(Artifact(name, path, types.get(name) or os.path.splitext(name)[1].lstrip(".")))
            room -= size
    if os.path.lexists(journal.path(folder)):
        found.append(Artifact(protocol.JOURNAL, journal.path(folder), protocol.JOURNAL_TYPE))
    return found, left_out


def send(client: Client, folder: TaskFolder, number: int, artifact: Artifact, lease: dict[str, str]) -> Optional[str]:
    """None, or why this one is left out."""
    try:
        file = folder.open_own(artifact.path)
    except OSError as error:
        return f"{artifact.name} ({error.strerror})"
    with file:
        size = os.fstat(file.fileno()).st_size
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            protocol.SHA256_HEADER: _sha256(_Part(file, size)),
            **lease,
        }
        named = {"name": artifact.name, "type": artifact.type}
        query = urllib.parse.urlencode(named, errors="backslashreplace")  # names are bytes, not always UTF-8
        path = protocol.task_path(folder.task.task_id, f"artifacts/{number}?{query}")
        try:
            client.send("PUT", path, _Part(file, size), headers, timeout=_SEND_S)
        except Final as error:
            if error.code == protocol.Code.STALE:
                raise
            return f"{artifact.name} ({error.refusal.detail or error.code})"
    return None


class _Part:
    """The first bytes of a file that something may still be writing to."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        file.seek(0)
        self.file, self.left = file, size

    def read(self, size: int = protocol.MAX_CHUNK) -> bytes:
        data = self.file.read(min(size, self.left))
        self.left -= len(data)
        return data


def _sha256(part: _Part) -> str:
    digest = hashlib.sha256()
    for data in iter(part.read, b""):
        digest.update(data)
    return digest.hexdigest()


def _walk(top: str) -> Iterator[tuple[str, str, int]]:
    for place, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            state = os.lstat(path)
            if stat.S_ISREG(state.st_mode):
                yield os.path.relpath(path, top), path, state.st_size
