"""A signed file on its way from the network to a process: hashed while saved, opened once, started as opened.

Whoever could change the file between the check and the start must not win. So the path serves only to open it, the
hash is taken again over the open file right before the start, and on Linux the start goes through /proc/self/fd to
that same inode.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import BinaryIO, NamedTuple

from .signed import Refused
from .trust import Trust
from .verify import Manifest, require_valid

# O_NONBLOCK: a pipe put in the file's place would otherwise hold the agent for ever.
_OPEN = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_BINARY"))


class Start(NamedTuple):
    """For Popen(argv, executable=…, pass_fds=…). A process in between passes the fds on, under the same numbers."""

    argv: list[str]
    executable: str
    pass_fds: tuple[int, ...]


def save(chunks: Iterable[bytes], manifest: Manifest, folder: str, mode: int = 0o500) -> str:
    """Saves a download as it arrives and never takes a byte more than was signed. Nothing is left of a refused one.

    `mode` 0o555 lets a run-as user start what the private folder hides from it otherwise.
    """
    _require_private(folder)
    path = os.path.join(folder, "payload.exe" if sys.platform == "win32" else "payload")
    with suppress(FileNotFoundError):
        os.unlink(path)  # of a download that was cut off; a link put there goes, not what it names
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            _receive(chunks, manifest, file)
        os.chmod(path, mode)
    except BaseException:
        os.unlink(path)
        raise
    return path


@contextmanager
def opened(path: str, manifest: Manifest, trust: Trust, now: datetime, sealed: bool = False) -> Iterator[Payload]:
    """The file, open and verified, for as long as the block lasts; the process started from it outlives the block.

    `sealed` starts a copy in memory that nobody can write any more, root included (Linux). It is not the default:
    packed programs look for their own file on the disk, and endpoint protection takes such a start for an attack.
    """
    require_valid(manifest, trust, now)
    payload = Payload(_open(path), path, manifest)
    try:
        payload.require_intact()
        if sealed:
            payload.seal()
        yield payload
    finally:
        payload.close()


class Payload:
    def __init__(self, number: int, path: str, manifest: Manifest) -> None:
        self._number, self._path, self._manifest, self._sealed = number, path, manifest, False

    def start(self, arguments: Iterable[str] = ()) -> Start:
        """How to start exactly what is open here. Call it last: the content is checked once more."""
        self.require_intact()
        argv = [self._path, *arguments]
        if sys.platform.startswith("linux") and os.path.isdir("/proc/self/fd"):
            return Start(argv, f"/proc/self/fd/{self._number}", (self._number,))
        return Start(argv, self._path, ())

    def require_intact(self) -> None:
        state = os.fstat(self._number)
        if not stat.S_ISREG(state.st_mode):
            raise Refused("policy_refused", "What was saved is no longer a regular file.")
        if not self._sealed:
            self._require_own(state)
        if state.st_size != self._manifest.size:
            raise Refused("size_mismatch", f"The file has {state.st_size} bytes, signed were {self._manifest.size}.")
        if _sha256(self._number) != self._manifest.sha256:
            raise Refused("checksum_mismatch", "The file is not the one that was signed.")

    def seal(self) -> None:
        """Goes on with a copy in memory that has no way to be written; its hash is taken at the start."""
        if not hasattr(os, "memfd_create"):
            raise Refused("policy_refused", "This host cannot start files from memory.")
        import fcntl  # not on Windows

        number = os.memfd_create("muster", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        file, self._number, self._sealed = self._number, number, True
        with os.fdopen(file, "rb") as source, os.fdopen(number, "wb", closefd=False) as copy:
            source.seek(0)
            shutil.copyfileobj(source, copy)
        os.fchmod(number, 0o555)
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(number, fcntl.F_ADD_SEALS, seals)

    def close(self) -> None:
        os.close(self._number)

    def _require_own(self, state: os.stat_result) -> None:
        """The path still names this inode, no second name does, and nobody else may write it."""
        try:
            here = os.lstat(self._path)
        except FileNotFoundError:
            raise Refused("checksum_mismatch", "The file was removed after it was checked.") from None
        if (here.st_dev, here.st_ino) != (state.st_dev, state.st_ino):
            raise Refused("checksum_mismatch", "The file was replaced after it was checked.")
        if state.st_nlink != 1 or (os.name == "posix" and (state.st_uid != os.geteuid() or state.st_mode & 0o022)):
            raise Refused("policy_refused", "Others could change the file.")


def _receive(chunks: Iterable[bytes], manifest: Manifest, file: BinaryIO) -> None:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > manifest.size:
            raise Refused("size_mismatch", f"The download goes on after the {manifest.size} bytes that were signed.")
        digest.update(chunk)
        with _disk():
            file.write(chunk)
    if size < manifest.size:
        raise Refused("size_mismatch", f"The download ended after {size} bytes of {manifest.size}.")
    if digest.hexdigest() != manifest.sha256:
        raise Refused("checksum_mismatch", "The download is not the file that was signed.")
    with _disk():
        file.flush()


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Refused("disk_full", "The disk of this host has no room for the file.") from error


def _require_private(folder: str) -> None:
    state = os.lstat(folder)
    if not stat.S_ISDIR(state.st_mode):
        raise Refused("policy_refused", "The folder for downloads is not a folder.")
    if os.name == "posix" and (state.st_uid != os.geteuid() or state.st_mode & 0o077):
        raise Refused("policy_refused", "The folder for downloads is open to others.")


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | _OPEN)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused("policy_refused", "A symbolic link lies where the file was saved.") from error
        raise Refused("checksum_mismatch", f"The file cannot be opened: {error.strerror}.") from error


def _sha256(number: int) -> str:
    digest = hashlib.sha256()
    os.lseek(number, 0, os.SEEK_SET)
    while block := os.read(number, 256 * 1024):
        digest.update(block)
    return digest.hexdigest()
