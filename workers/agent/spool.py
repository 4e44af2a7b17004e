"""Results on their way to the server: one file each, handed in first in first out, deleted only once taken.

`queue/NNNNNNNNNN-<task>.json` waits, `rejected/` holds what the server will never take and what cannot be read.
"""

import os
import re
import shutil
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any, Callable, Optional

from .client import Final
from .disk import read_json, write_json, write_private
from .state import WorkDir

KEEP_REJECTED_S = 30 * 86400
_REASON = ".reason"
_NAME = re.compile(r"(\d{10})-([0-9a-f-]{36})\.json\Z")


@dataclass
class Entry:
    task_id: str
    call: str  # result, fail, cancelled: the last word about the task
    body: dict[str, Any]  # the message, lease and all
    folder: str  # of the task, by its name in this work dir; its output is sent before the last word


class Spool:
    def __init__(self, work: WorkDir) -> None:
        self._queue, self._rejected = work.path("queue"), work.path("rejected")
        self._counter = work.path("counter")
        self._naming, self._draining = threading.Lock(), threading.Lock()

    def put(self, entry: Entry) -> None:
        """On the disk when it returns."""
        with self._naming:
            number = self._next_number()
            name = f"{number:010d}-{entry.task_id}.json"
            write_json(os.path.join(self._queue, name), asdict(entry))

    def names(self) -> list[str]:
        return sorted(name for name in os.listdir(self._queue) if _NAME.match(name))

    def count(self) -> int:
        return len(self.names())

    def rejected_count(self) -> int:
        return sum(not name.endswith(_REASON) for name in os.listdir(self._rejected))

    def entries(self) -> list[Entry]:
        found = []
        for name in self.names():
            try:
                found.append(Entry(**read_json(os.path.join(self._queue, name))))
            except (ValueError, TypeError):  # taken meanwhile, or for the next drain to sort out
                continue
        return found

    def task_ids(self) -> list[str]:
        return [name[11:-5] for name in self.names()]

    def drain(self, deliver: Callable[[Entry], None]) -> int:
        """Hand in, oldest first, until none is left; returns how many were taken. What is only delayed
        (Transient and the like) ends the round and is raised: nothing may overtake the oldest."""
        taken = 0
        with self._draining:
            for name in self.names():
                entry = self._read(name)
                if entry is None:
                    continue
                try:
                    deliver(entry)
                except Final as error:
                    self._reject(name, str(error))
                else:
                    os.unlink(os.path.join(self._queue, name))
                    taken += 1
        return taken

    def prune(self, now: float) -> None:
        """What is too old to look at."""
        for name in os.listdir(self._rejected):
            path = os.path.join(self._rejected, name)
            if now - os.stat(path).st_mtime > KEEP_REJECTED_S:
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def clear(self) -> None:
        """What a crash left half written; before anything is put."""
        for name in os.listdir(self._queue):
            if name.startswith(".new-"):
                os.unlink(os.path.join(self._queue, name))

    def _read(self, name: str) -> Optional[Entry]:
        try:
            return Entry(**read_json(os.path.join(self._queue, name)))
        except (ValueError, TypeError) as error:
            self._reject(name, f"unreadable: {error}")
            return None

    def _reject(self, name: str, why: str) -> None:
        """Kept for a person to look at, with the reason beside it."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            write_private(os.path.join(self._rejected, name + _REASON), f"{stamp} {why}\n".encode())
        except OSError:  # a full disk must not keep it at the head of the queue
            pass
        os.replace(os.path.join(self._queue, name), os.path.join(self._rejected, name))

    def _next_number(self) -> int:
        """Kept in a file too: an empty queue must not begin again with 1."""
        highest = [
            int(name[:10])
            for folder in (self._queue, self._rejected)
            for name in os.listdir(folder)
            if name[:10].isdigit()
        ]
        number = max([self._counted(), *highest]) + 1
        write_json(self._counter, number, durable=False)
        return number

    def _counted(self) -> int:
        try:
            return int(read_json(self._counter) or 0)
        except (ValueError, TypeError):
            return 0
