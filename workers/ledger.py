"""One writer for all slots of a worker: what they have to say is written in groups, one commit a group.

A commit costs the same for one move as for twenty, and threads that each open a writing transaction of their
own only wait for one another.
"""

from __future__ import annotations

import queue as queues
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy.orm import Session

from webapp.db import unit
from webapp.tasks import moves

GROUP = 32
Answer = TypeVar("Answer")
Act = Callable[[Session], Any]


class Ledger:
    def __init__(self, app: Flask, reason: str):
        self.app, self.reason = app, reason
        self._wanted: queues.SimpleQueue[tuple[Act, Future[Any]] | None] = queues.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="ledger", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._wanted.put(None)
        self._thread.join(15)

    def write(self, act: Callable[[Session], Answer]) -> Answer:
        """`act` in a transaction that is committed when this returns. It may be run twice: see `_write_group`."""
        return self.send(act).result()

    def send(self, act: Callable[[Session], Answer]) -> Future[Answer]:
        """The same for a caller that has something else to say meanwhile, which then goes into the same commit."""
        future: Future[Answer] = Future()
        self._wanted.put((act, future))
        return future

    def _loop(self) -> None:
        while (first := self._wanted.get()) is not None:
            group = [first]
            while len(group) < GROUP and not self._wanted.empty():
                other = self._wanted.get()
                if other is None:
                    self._wanted.put(None)
                    break
                group.append(other)
            self._write_group(group)

    def _write_group(self, group: list[tuple[Act, Future[Any]]]) -> None:
        """All in one transaction; when one of them fails, each in its own, so that it fails alone."""
        try:
            with unit(self.app, self.reason) as session, moves.together():
                answers = [act(session) for act, _ in group]
        except Exception as error:
            if len(group) == 1:
                group[0][1].set_exception(error)
            else:
                for each in group:
                    self._write_group([each])
            return
        for (_, future), answer in zip(group, answers, strict=True):
            future.set_result(answer)
