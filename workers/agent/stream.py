"""Send a task's output as it grows, and its artifacts at the end. What has arrived is for the server to say."""

import hashlib
import zlib
from typing import Optional

from . import artifacts, protocol
from .capture import RECORD
from .client import Client, Final, Reply, Transient
from .folder import TaskFolder

_CHUNKS_A_ROUND = 16
_REWINDS = 20  # in one round: a server that keeps changing its mind is broken


class Conflict(Exception):
    """The server holds other bytes than we do. More sending cannot help."""


class Output:
    """What has been sent of one task. `offsets` are the server's, None until it was asked (after a restart)."""

    def __init__(self, client: Client, folder: TaskFolder, known: bool) -> None:
        self.client, self.folder = client, folder
        self.offsets: dict[str, Optional[int]] = dict.fromkeys(protocol.STREAMS, 0 if known else None)
        self.cancelled = False  # the server said so in an answer
        self.refused = False  # no more of it while it runs
        self.artifacts = 0
        self.left_out: Optional[list[str]] = None  # artifacts that were not to be sent, once that is known

    @property
    def acknowledged(self) -> dict[str, int]:
        return {name: offset or 0 for name, offset in self.offsets.items()}

    @property
    def far_behind(self) -> bool:
        """More than one last chunk is left to send."""
        waiting = [self.folder.log_size(name) - (offset or 0) for name, offset in self.offsets.items()]
        return max(waiting) > protocol.MAX_CHUNK or bool(artifacts.find(self.folder)[0])

    def send_new(self, ended: bool = False) -> bool:
        """One round of sending; True when there was more than a round takes. The index goes last and only as far as
        it cannot change any more, so that it never points at bytes the server has not got."""
        ends = {"index": self._settled_index(ended)}
        ends.update({name: self.folder.log_size(name) for name in ("stdout", "stderr")})
        more = [self._send(name, ends[name]) for name in protocol.STREAMS]
        return any(more)

    def send_all(self) -> None:
        before = None
        while self.send_new(ended=True):
            if self.offsets == before:
                raise Transient("the server takes output and does not count it")
            before = dict(self.offsets)

    def rewind(self, missing: dict[str, int]) -> None:
        for name, offset in missing.items():
            if name in self.offsets:
                self.offsets[name] = offset

    def send_artifacts(self) -> None:
        """Each under its number, so that a repeated one replaces itself."""
        found, left_out = artifacts.find(self.folder)
        for number, artifact in enumerate(found, 1):
            if number > self.artifacts:
                why_not = artifacts.send(self.client, self.folder, number, artifact, self._lease)
                left_out += [why_not] if why_not else []
                self.artifacts = number
        self.left_out = left_out

    def _settled_index(self, ended: bool) -> int:
        size = self.folder.log_size("index")
        return size if ended else max(0, size // RECORD.size - 1) * RECORD.size

    def _send(self, name: str, end: int) -> bool:
        offset, sent, rewinds = self._offset(name), 0, 0
        while offset < end and sent < _CHUNKS_A_ROUND:
            try:
                self._send_chunk(name, offset, end)
                sent += 1
            except Final as error:
                rewinds += 1
                if error.code != protocol.Code.BAD_RANGE or error.log_size is None or rewinds > _REWINDS:
                    raise
                self._moved(name, error.log_size)
            offset = self._offset(name)
        return offset < end

    def _offset(self, name: str) -> int:
        known = self.offsets[name]
        return self._moved(name, self._patch(name, "bytes */*", b"").log_size or 0) if known is None else known

    def _send_chunk(self, name: str, start: int, end: int) -> None:
        with open(self.folder.file(name), "rb") as file:
            file.seek(start)
            data = file.read(min(protocol.MAX_CHUNK, end - start))
        last = start + len(data) - 1
        reply = self._patch(name, f"bytes {start}-{last}/*", data)
        self._moved(name, last + 1 if reply.log_size is None else reply.log_size)

    def _patch(self, name: str, content_range: str, data: bytes) -> Reply:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": content_range,
            protocol.CHUNK_CRC_HEADER: f"{zlib.crc32(data):08x}",
            **self._lease,
        }
        path = protocol.task_path(self.folder.task.task_id, f"log?stream={name}")
        reply = self.client.send("PATCH", path, data, headers)
        self.cancelled = self.cancelled or reply.cancels
        return reply

    def _moved(self, name: str, size: int) -> int:
        if size > self.folder.log_size(name):
            raise Conflict(f"the server holds {size} bytes of {name}, there are {self.folder.log_size(name)}")
        self.offsets[name] = size
        return size

    @property
    def _lease(self) -> dict[str, str]:
        task = self.folder.task
        return {protocol.LEASE_SEQ_HEADER: str(task.lease_seq), protocol.LEASE_TOKEN_HEADER: task.token}


def hashes(folder: TaskFolder, known: dict[str, str]) -> dict[str, str]:
    """Those of the exit record, and the ones it does not hold."""
    return {name: known.get(name) or _sha256(folder.file(name)) for name in protocol.STREAMS}


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(protocol.MAX_CHUNK), b""):
                digest.update(part)
    except FileNotFoundError:
        pass
    return digest.hexdigest()
