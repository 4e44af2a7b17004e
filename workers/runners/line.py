"""The worker's end of a shim's socket. It needs no help from the warm parent once it is open."""

import json
import socket
import time
from typing import BinaryIO

from workers.agent.record import ExitRecord


class Closed(Exception):
    """The shim is gone."""


class Line:
    def __init__(self, channel: socket.socket):
        self._channel = channel
        self._buffer = bytearray()
        self.pid = 0
        self.open = True

    def fileno(self) -> int:
        return self._channel.fileno()

    def order(self, order: dict, content: BinaryIO, timeout: float) -> bool:
        """Whether the shim has taken it. If not, nothing of the task has run."""
        try:
            self._channel.settimeout(timeout)
            socket.send_fds(self._channel, [json.dumps(order).encode() + b"\n"], [content.fileno()])
            self.pid = self._hear(timeout)["started"]
            return True
        except (OSError, Closed):
            self.close()
            return False

    def cancel(self) -> None:
        try:
            self._channel.sendall(b"cancel\n")
        except OSError:
            pass  # it has ended: wait() says how

    def ended(self, timeout: float | None) -> ExitRecord:
        """Raises TimeoutError when it has not yet, and Closed."""
        return ExitRecord.from_dict(self._hear(timeout)["ended"])

    def close(self) -> None:
        self.open = False
        self._channel.close()

    def _hear(self, timeout: float | None) -> dict:
        end = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._buffer:
            self._channel.settimeout(None if end is None else max(end - time.monotonic(), 0.0001))
            try:
                piece = self._channel.recv(65536)
            except TimeoutError:
                raise
            except OSError:
                piece = b""
            if not piece:
                self.open = False
                raise Closed
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)
