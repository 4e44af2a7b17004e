"""The folder of one task on this host. Who writes what, in the order in which it appears:

task.json    agent    what was claimed, without secrets; the folder is renamed into place with it
payload      agent    the verified binary or bundle
runner.json  runner   which process it is
permit       agent    the server is about to be asked for the permit to start
started      runner   from here on the outcome may be unknown
cancel       agent    somebody wants it stopped
stdout stderr index exit.json   runner, see capture.py and record.py
work/ work/out/       the task's own: where it runs, and what it leaves as artifacts
"""

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Optional

from . import tree
from .disk import place, read_json, write_json
from .protocol import ClaimedTask
from .record import ExitRecord, RecordFile, read
from .state import WorkDir


class TaskFolder:
    def __init__(self, path: str) -> None:
        self.path = path
        self.known: dict[str, Any] = read_json(self.file("task.json"))
        self.task = ClaimedTask.from_json(self.known["task"])
        self.same_boot: bool = self.known["boot_id"] == tree.boot_id()
        # Then nothing of it runs here, and how it ends is not to be seen here.
        self.copied: bool = self.same_boot and self.known["place"] != place(path)
        self._began: Optional[float] = None

    @classmethod
    def create(cls, work: WorkDir, task: ClaimedTask, received: float) -> "TaskFolder":
        shown = {**task.to_json(), "secrets": {}, "command_signature": None}
        making = tempfile.mkdtemp(prefix=".new-", dir=work.path("tasks"))
        known = {"task": shown, "received": received, "boot_id": tree.boot_id(), "place": place(making)}
        write_json(os.path.join(making, "task.json"), known, durable=False)
        path = work.path("tasks", f"{task.task_id}.{task.lease_seq}")
        os.rename(making, path)
        return cls(path)

    def file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def has(self, name: str) -> bool:
        return os.path.lexists(self.file(name))

    def mark(self, name: str) -> None:
        os.close(os.open(self.file(name), os.O_WRONLY | os.O_CREAT, 0o600))

    @property
    def record(self) -> Optional[ExitRecord]:
        return read(Path(self.file("exit.json")))

    @property
    def scratch(self) -> str:
        """Where the task runs; outside the private work dir when it runs as another user."""
        return (read_json(self.file("scratch.json")) or {}).get("path") or self.file("work")

    def make_scratch(self, uid: int, gid: int) -> str:
        if uid == os.geteuid():
            path = self.file("work")
            os.mkdir(path, 0o700)
        else:
            path = tempfile.mkdtemp(prefix="muster-")
            write_json(self.file("scratch.json"), {"path": path})
        out = os.path.join(path, "out")
        os.mkdir(out, 0o700)
        if uid != os.geteuid():
            for folder in (out, path):  # the inner one first: then it is nobody else's yet
                os.chown(folder, uid, gid)
        return path

    @property
    def elapsed_ms(self) -> int:
        """Since the claim arrived."""
        return int((time.monotonic() - self.known["received"]) * 1000) if self.same_boot else 0

    @property
    def running_s(self) -> float:
        return time.monotonic() - self.began if self.began is not None and self.same_boot else 0.0

    @property
    def began(self) -> Optional[float]:
        """When it started, by the monotonic clock of that boot."""
        if self._began is None:
            self._began = read_json(self.file("started"))
        return self._began

    def keep_record(self, ended: ExitRecord) -> None:
        if not self.has("exit.json"):
            RecordFile(Path(self.file("exit.json"))).write(ended)

    def log_size(self, stream: str) -> int:
        try:
            return os.stat(self.file(stream)).st_size
        except FileNotFoundError:
            return 0

    def open_own(self, path: str) -> BinaryIO:
        """Only what is the task's own: the agent may be root, and the task may have left a link to anything."""
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        state = os.fstat(number)
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.lstat(self.scratch).st_uid:
            os.close(number)
            raise PermissionError(errno.EPERM, "no file of the task's own")
        return os.fdopen(number, "rb")

    def remove(self) -> None:
        if not self.copied:  # else it is the other one's
            shutil.rmtree(self.scratch, ignore_errors=True)
        parent, name = os.path.split(self.path)
        going = os.path.join(parent, ".gone-" + name)  # half a folder must not be taken for a task after a crash
        os.rename(self.path, going)
        shutil.rmtree(going, ignore_errors=True)


def all_folders(work: WorkDir) -> Iterator[TaskFolder]:
    """Those that were completely made; what a crash left half made is removed."""
    for name in sorted(os.listdir(work.path("tasks"))):
        path = work.path("tasks", name)
        if name.startswith("."):
            shutil.rmtree(path, ignore_errors=True)
            continue
        try:
            yield TaskFolder(path)
        except (ValueError, TypeError, KeyError):
            os.rename(path, work.path("rejected", name + ".unreadable"))
