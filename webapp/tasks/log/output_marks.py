"""Numbers at regular places of a file that only grows, kept beside it: no reader counts twice.

Each is a function of what stands before it, which never changes. So two processes that extend the same
file at the same time write the same bytes to the same place, and none needs a lock.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

Mark = tuple[int, ...]
_PREFIX = "marks."


class Marks:
    def __init__(self, folder: Path, name: str, width: int):
        self.path = folder / f"{_PREFIX}{name}"
        self._format = struct.Struct(f"<{width}Q")
        self._values: list[Mark] | None = None
        self._saved = 0

    @property
    def values(self) -> list[Mark]:
        if self._values is None:
            data = self.path.read_bytes() if self.path.exists() else b""
            whole = len(data) - len(data) % self._format.size
            self._values = list(self._format.iter_unpack(data[:whole]))
            self._saved = len(self._values)
        return self._values

    def save(self) -> None:
        """Those that were added to `values`."""
        fresh = self.values[self._saved :]
        if not fresh:
            return
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return  # a full or read-only disk costs the next reader time, nothing else
        with os.fdopen(fd, "wb", buffering=0) as file, suppress(OSError):
            os.pwrite(
                file.fileno(), b"".join(self._format.pack(*value) for value in fresh), self._saved * self._format.size
            )
            self._saved = len(self.values)


def forget(folder: Path) -> None:
    """What was counted does not hold any more: a file has been cut."""
    for path in folder.glob(f"{_PREFIX}*"):
        path.unlink(missing_ok=True)
