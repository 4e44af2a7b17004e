"""Send a task's output as it grows, and its artifacts at the end. What has arrived is for the server to say."""

import hashlib
import os
import stat
import urllib.parse
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Optional

from . import journal, protocol
from .capture import RECORD
from .client import Client, Final, Reply
from .folder import TaskFolder

_CHUNKS_A_ROUND = 16
_REWINDS = 20  # in one round: a server that keeps changing its mind is broken


class Conflict(Exception):
    """The server holds other bytes than we do. More sending cannot help."""


class Artifact(NamedTuple):
    name: str
    path: str
    type: str


class Output:
    """What has been sent of one task. `offsets` are the server's, None until it was asked (after a restart)."""

    def __init__(self, client: Client, folder: TaskFolder, known: bool) -> None:
        self.client, self.folder = client, folder
        self.offsets: dict[str, Optional[int]] = dict.fromkeys(protocol.STREAMS, 0 if known else None)
        self.cancelled = False  # the server said so in an answer
        self.refused = False  # no more of it while it runs
        self.artifacts = 0
        self.left_out: list[str] = []

    @property
    def acknowledged(self) -> dict[str, int]:
        return {name: offset or 0 for name, offset in self.offsets.items()}

    @property
    def far_behind(self) -> bool:
        """More than one last chunk is left to send."""
        waiting = [self.folder.log_size(name) - (offset or 0) for name, offset in self.offsets.items()]
        return max(waiting) > protocol.MAX_CHUNK or bool(find_artifacts(self.folder)[0])

    def send_new(self, ended: bool = False) -> bool:
        """One round of sending; True when there was more than a round takes. The index goes last and only as far as
        it cannot change any more, so that it never points at bytes the server has not got."""
        ends = {"index": self._settled_index(ended)}
        ends.update({name: self.folder.log_size(name) for name in ("stdout", "stderr")})
        more = [self._send(name, ends[name]) for name in protocol.STREAMS]
        return any(more)

    def send_all(self) -> None:
        while self.send_new(ended=True):
            pass

    def rewind(self, missing: dict[str, int]) -> None:
        for name, offset in missing.items():
            if name in self.offsets:
                self.offsets[name] = offset

    def send_artifacts(self) -> None:
        """Each under its number, so that a repeated one replaces itself."""
        found, self.left_out = find_artifacts(self.folder)
        for number, artifact in enumerate(found, 1):
            if number > self.artifacts:
                try:
                    self._send_artifact(number, artifact)
                except OSError as error:  # of the file: those of the network come as Transient
                    self.left_out.append(f"{artifact.name} ({error.strerror or error})")
                self.artifacts = number

    def _settled_index(self, ended: bool) -> int:
        size = self.folder.log_size("index")
        return size if ended else max(0, size // RECORD.size - 1) * RECORD.size

    def _send(self, name: str, end: int) -> bool:
        if self.offsets[name] is None:
            self._ask(name)
        sent = rewinds = 0
        while self.offsets[name] < end and sent < _CHUNKS_A_ROUND:  # type: ignore[operator]
            try:
                self._send_chunk(name, end)
                sent += 1
            except Final as error:
                rewinds += 1
                if error.code != protocol.Code.BAD_RANGE or error.log_size is None or rewinds > _REWINDS:
                    raise
                self._moved(name, error.log_size)
        return self.offsets[name] < end  # type: ignore[operator]

    def _send_chunk(self, name: str, end: int) -> None:
        start = self.offsets[name] or 0
        with open(self.folder.file(name), "rb") as file:
            file.seek(start)
            data = file.read(min(protocol.MAX_CHUNK, end - start))
        last = start + len(data) - 1
        reply = self._patch(name, f"bytes {start}-{last}/*", data)
        self._moved(name, last + 1 if reply.log_size is None else reply.log_size)

    def _ask(self, name: str) -> None:
        self._moved(name, self._patch(name, "bytes */*", b"").log_size or 0)

    def _patch(self, name: str, content_range: str, data: bytes) -> Reply:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": content_range,
            protocol.CHUNK_CRC_HEADER: f"{zlib.crc32(data):08x}",
            **self._lease,
        }
        reply = self.client.send("PATCH", f"{self._path('log')}?stream={name}", data, headers)
        self.cancelled = self.cancelled or reply.cancels
        return reply

    def _moved(self, name: str, size: int) -> None:
        if size > self.folder.log_size(name):
            raise Conflict(f"the server holds {size} bytes of {name}, there are {self.folder.log_size(name)}")
        self.offsets[name] = size

    def _send_artifact(self, number: int, artifact: Artifact) -> None:
        with self.folder.open_own(artifact.path) as file:
            size, digest = os.fstat(file.fileno()).st_size, hashlib.sha256()
            for part in iter(lambda: file.read(protocol.MAX_CHUNK), b""):
                digest.update(part)
            file.seek(0)
            query = urllib.parse.urlencode({"name": artifact.name, "type": artifact.type})
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(size),
                protocol.SHA256_HEADER: digest.hexdigest(),
                **self._lease,
            }
            try:
                path = f"{self._path('artifacts')}/{number}?{query}"
                self.client.send("PUT", path, _Part(file, size), headers, timeout=120)
            except Final as error:
                if error.code == protocol.Code.STALE:
                    raise
                self.left_out.append(f"{artifact.name} ({error.refusal.detail or error.code})")

    def _path(self, verb: str) -> str:
        return protocol.task_path(self.folder.task.task_id, verb)

    @property
    def _lease(self) -> dict[str, str]:
        task = self.folder.task
        return {protocol.LEASE_SEQ_HEADER: str(task.lease_seq), protocol.LEASE_TOKEN_HEADER: task.token}


class _Part:
    """The first `left` bytes of a file that something may still be writing to."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self.file, self.left = file, left

    def read(self, size: int = protocol.MAX_CHUNK) -> bytes:
        data = self.file.read(min(size, self.left))
        self.left -= len(data)
        return data


def hashes(folder: TaskFolder, known: dict[str, str]) -> dict[str, str]:
    """Those of the exit record, and the ones it does not hold."""
    return {name: known.get(name) or _sha256(folder.file(name)) for name in protocol.STREAMS}


def find_artifacts(folder: TaskFolder) -> tuple[list[Artifact], list[str]]:
    """The regular files below out/ and the journal; and the names of those beyond the limits."""
    found: list[Artifact] = []
    left_out: list[str] = []
    room = protocol.MAX_ARTIFACTS_TOTAL
    types = journal.read(folder).types
    for name, path, size in _walk(os.path.join(folder.scratch, "out")):
        if size > min(room, protocol.MAX_ARTIFACT) or len(found) == protocol.MAX_ARTIFACTS:
            left_out.append(f"{name} ({size} bytes)")
        else:
            found.append(Artifact(name, path, types.get(name) or os.path.splitext(name)[1].lstrip(".")))
            room -= size
    if os.path.lexists(journal.path(folder)):
        found.append(Artifact(protocol.JOURNAL, journal.path(folder), protocol.JOURNAL_TYPE))
    return found, left_out


def _walk(top: str) -> Iterator[tuple[str, str, int]]:
    for place, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            state = os.lstat(path)
            if stat.S_ISREG(state.st_mode):
                yield os.path.relpath(path, top), path, state.st_size


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(protocol.MAX_CHUNK), b""):
                digest.update(part)
    except FileNotFoundError:
        pass
    return digest.hexdigest()
