"""A worker's slots: it claims queued tasks, runs each in a child of its own, keeps their leases, tells their ends.

A ring of the broker calls `drain` in the main thread. Each slot is a thread, which claims again by itself while
there may be more, so a long task never holds up the other slots and no ring is needed between tasks.
"""

from __future__ import annotations

import contextlib
import queue as queues
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog
from flask import Flask
from sqlalchemy.orm import Session

from webapp import clock, queue
from webapp.config import Settings
from webapp.crash import crash_here
from webapp.db import unit
from webapp.events import Actor
from webapp.plugins.catalogue import catalogue
from webapp.processes import beats
from webapp.tasks import claim, lifecycle
from webapp.tasks.claim import Claimed
from workers import remains
from workers.ledger import Ledger
from workers.runners.run import Run
from workers.runners.warm import WarmParent

SLICE = 1.0  # seconds for which one ring claims before it lets the next one in
LOOK_FOR_STOPS = 2.0
RENEW = 15.0
POLL_WITHOUT_BROKER = 2.0
HAND_BACK = 30.0
TURN = 0.0005  # seconds for which a thread may keep others waiting: each task is handed from thread to thread six times
TIDY = 15.0

log = structlog.get_logger("worker")


@dataclass
class Slots:
    """How many tasks may still be taken, and whether the last claim left some behind."""

    free: int
    more: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, count: int) -> None:
        with self.changed:
            self.free -= count

    def give(self) -> None:
        with self.changed:
            self.free += 1
            self.changed.notify_all()

    def wait(self, seconds: float) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.free > 0 and not self.more, seconds)


class Executor:
    def __init__(self, app: Flask, settings: Settings, warm: WarmParent):
        self.app, self.settings, self.warm = app, settings, warm
        self.name = beats.name_of("worker")
        self.by = Actor("worker", self.name)
        self.started_at = clock.now()
        self.ledger = Ledger(app, "worker")
        self.slots = Slots(settings.worker_slots)
        self.runs: dict[str, Run] = {}
        self.stopping = threading.Event()
        self._todo: queues.SimpleQueue[Claimed | None] = queues.SimpleQueue()
        self._claiming = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        sys.setswitchinterval(TURN)
        self.ledger.start()
        with self.app.app_context():
            catalogue()  # finding the plugins takes a moment that the first task need not wait for
        loops: list[tuple[str, Callable[[], None]]] = [("keeper", self._keep)]
        loops += [(f"slot {number}", self._slot) for number in range(1, self.settings.worker_slots + 1)]
        for name, target in loops:
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def drain(self) -> None:
        """There is work: take it until none is left, the slots are full, or others should have their turn."""
        until = time.monotonic() + SLICE
        while not self.stopping.is_set() and time.monotonic() < until:
            if self.slots.free:
                self.claim()
            if not self.slots.more:
                return
            if not self.slots.free:
                queue.ring()  # for another worker that has room
                self.slots.wait(SLICE)

    def claim(self) -> int:
        """One claim at a time: two threads of a worker would only take each other's room."""
        with self._claiming:
            room = self.slots.free
            if room < 1 or self.stopping.is_set():
                return 0
            claimed = self.ledger.write(lambda _: claim.for_worker(self.name, room, clock.now()))
            crash_here("claimed")
            self.slots.more = len(claimed) == room
            self.slots.take(len(claimed))
        for each in claimed:
            self._todo.put(each)
        return len(claimed)

    def stop(self) -> None:
        """Take nothing more, finish what runs within 30 s, hand back what has not begun."""
        self.stopping.set()
        self._hand_back_unstarted()
        deadline = time.monotonic() + HAND_BACK
        while self.runs and time.monotonic() < deadline:
            time.sleep(0.05)
        for run in list(self.runs.values()):
            run.abandon()
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join(15)
        self.ledger.write(lambda _: beats.goodbye("worker"))
        self.ledger.stop()

    def _hand_back_unstarted(self) -> None:
        while True:
            try:
                claimed = self._todo.get_nowait()
            except queues.Empty:
                return
            with contextlib.suppress(lifecycle.Refused):
                if claimed is not None:
                    self.ledger.write(partial(self._hand_back, claimed))

    def _hand_back(self, claimed: Claimed, session: Session) -> None:
        task = session.merge(claimed.task, load=False)
        lifecycle.give_back(task, claimed.lease, self.by, clock.now(), "The worker is stopping")

    def _slot(self) -> None:
        while (claimed := self._todo.get()) is not None:
            run = Run(self.app, self.settings, self.warm, self.ledger, self.by, claimed)
            self.runs[claimed.task.uuid] = run
            try:
                run.go()
            except Exception:
                log.exception("a run failed; its lease will end", task=run.uuid)
            self.slots.give()
            self._claim_more()  # goes into the same commit as the end
            try:
                run.settle()
            except Exception:
                log.exception("a run was not recorded; its lease will end", task=run.uuid)
            self.runs.pop(run.uuid, None)

    def _claim_more(self) -> None:
        if not self.slots.more:
            return
        try:
            self.claim()
        except Exception:
            log.exception("a claim failed; the next ring or poll tries again")
            self.slots.more = False

    def _keep(self) -> None:
        """Renew leases, hear stop requests, tell that the worker lives, and look for work while no ring can come."""
        renewed = heard = beaten = asked = tidied = 0.0
        while not self.stopping.wait(0.5) or self.runs:
            tick = time.monotonic()
            try:
                if self.runs and tick - renewed >= RENEW:
                    renewed = tick
                    self._renew()
                if self.runs and tick - heard >= LOOK_FOR_STOPS:
                    heard = tick
                    self._hear_stops()
                if tick - beaten >= beats.EVERY:
                    beaten = tick
                    self._beat()
                if tick - tidied >= TIDY:
                    tidied = tick
                    self._tidy()
                # Asked, not waited for: RQ tries again in silence, and an idle worker has nothing else to say to it.
                if not self.stopping.is_set() and tick - asked >= POLL_WITHOUT_BROKER:
                    asked = tick
                    if not queue.ping():
                        self.claim()
            except Exception:
                log.exception("the worker's keeper failed a round")

    def _renew(self) -> None:
        held = {run.uuid: run for run in list(self.runs.values())}
        leases = [(uuid, run.lease) for uuid, run in held.items()]
        lost = self.ledger.write(lambda _: claim.renew(leases, clock.now()))
        for uuid in lost:
            held[uuid].lose()

    def _hear_stops(self) -> None:
        with unit(self.app, "worker", reading=True):
            asked = claim.stops(list(self.runs))
        for uuid in asked:
            if run := self.runs.get(uuid):
                run.cancel()

    def _tidy(self) -> None:
        remains.end_strays(self.settings.data)
        with unit(self.app, "worker", reading=True) as session:
            remains.remove_folders(session, self.settings.data, clock.now())

    def _beat(self) -> None:
        facts = {"slots": self.settings.worker_slots, "running": len(self.runs)}
        self.ledger.write(lambda _: beats.beat("worker", clock.now(), self.started_at, **facts))
