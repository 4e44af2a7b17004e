"""The storm itself: a site, its clients, and a fault every now and then, drawn from a seed."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from bench.storm import schedules
from bench.storm.agents import Fleet
from bench.storm.agents_load import AgentClient, add_test
from bench.storm.load import Accepted, Client
from bench.storm.schedules import Planned
from bench.storm.site import Site
from webapp.access import tokens
from webapp.access.models import Organization, User
from webapp.access.permissions import Permission
from webapp.clock import now
from webapp.events import SYSTEM
from webapp.tasks.models import Task
from webapp.tasks.states import OPEN

CLIENTS = 3
QUIET = 240.0  # a lease of 60 s, three deliveries of it, and room for retries


class Storm:
    def __init__(self, site: Site, seed: int) -> None:
        self.site, self.seed = site, seed
        self.random = random.Random(seed)
        self.mending = random.Random(seed)  # its draws must not shift those of the faults
        self.accepted = Accepted()
        self.fleet = Fleet(site, seed)
        self.seconds = 0.0
        self.struck: Counter[str] = Counter()
        self.token = ""
        self.clients: list[Client] = []
        self.schedules: list[Planned] = []
        self._later: list[tuple[float, Callable[[], object]]] = []
        self._returning: set[str] = set()

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        self._later.append((time.monotonic() + seconds, act))

    def begin(self, seconds: float) -> None:
        with self.site.unit(reading=False) as session:
            admin = session.scalars(sa.select(User)).first()
            home = session.scalars(sa.select(Organization.id)).first()
            rights = (
                Permission.TASKS_READ, Permission.TASKS_CREATE, Permission.TASKS_CANCEL, Permission.TASKS_COMMAND,
            )  # fmt: skip
            add_test(self.site, home)
            self.token = tokens.issue(admin, home, "storm", rights, now() + timedelta(days=1), SYSTEM, now())
        self.schedules = schedules.gentle(self.site, self.seed, seconds)
        self.clients = [Client(self.site, self.token, f"c{n}", self.seed, self.accepted) for n in range(CLIENTS)]
        self.fleet.start()
        self.clients.append(AgentClient(self.site, self.token, "a0", self.seed, self.accepted, self.fleet))
        for client in self.clients:
            client.start()

    def rage(self, faults: dict[str, Callable[[Storm], bool]], seconds: float) -> None:
        """`strike` answers False when there was nothing to hit; that is not counted."""
        self.seconds = seconds
        until = time.monotonic() + seconds
        following = time.monotonic() + 2
        while time.monotonic() < until:
            self._do_what_is_due()
            self._bring_back_the_dead()
            self.fleet.tend()
            if time.monotonic() >= following:
                following = time.monotonic() + self.random.uniform(0.5, 3)
                name = self.random.choice(sorted(faults))
                self.struck[name] += bool(faults[name](self))
            time.sleep(0.05)

    def calm(self) -> float | None:
        """Nothing breaks any more; the seconds until nothing was open, or None when something stayed open."""
        for client in self.clients:
            client.enough.set()
        for client in self.clients:
            client.join(30)
        while self._later:
            self._later.pop()[1]()
        self.site.heal()
        begun = time.monotonic()
        while self.open() or not self.fleet.settled():
            self.site.heal()
            self.fleet.heal()
            if time.monotonic() - begun > QUIET:
                return None
            time.sleep(1)
        return time.monotonic() - begun

    def open(self) -> int:
        with self.site.unit() as session:
            tasks = session.scalar(sa.select(sa.func.count()).select_from(Task).where(Task.status.in_(OPEN))) or 0
            return tasks + schedules.unsettled(session, self.schedules)

    def _bring_back_the_dead(self) -> None:
        """As a supervisor would, after a moment."""
        for name in set(self.site.dead()) - self._returning:
            self._returning.add(name)
            self.later(self.mending.uniform(0, 3), partial(self._bring_back, name))

    def _bring_back(self, name: str) -> None:
        self._returning.discard(name)
        self.site.start_part(name)

    def _do_what_is_due(self) -> None:
        moment = time.monotonic()
        due = [act for at, act in self._later if at <= moment]
        self._later = [(at, act) for at, act in self._later if at > moment]
        for act in due:
            act()
