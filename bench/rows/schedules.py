"""A scheduler with 100,000 schedules: when nothing is due, when ten thousand are, when all are; and what one reckoning costs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench.measure import Row, quantile, seconds
from bench.world import BITE, NOW, kept, organization_id, shape, world
from webapp import db, schema
from webapp.config import Settings
from webapp.schedules import engine, plans, rules, tick
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.plan import Plan
from webapp.schedules.seed import Seed
from webapp.tasks.models import Task

KEYS = ("e",)
MANY, FEW = 100_000, 1_000
DUE = 10_000
SCANNED = 2_000  # of the baseline, which takes its time
DAILY = {"kind": "times", "at": [f"{NOW:%H:%M}"]}
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SPEC = {"type": "plugin", "data": {"plugin_id": "tcp_ports", "input_data": ["192.0.2.1"]}, "target": {}, "options": {}}
RULES: dict[str, dict[str, Any]] = {
    "daily": DAILY, "weekly": {"kind": "weekly", "days": ["mon"], "at": ["09:30"]}, "interval": {"kind": "interval", "every": "15m"},
    "monthly": {"kind": "monthly", "nth": ["last", "fri"], "at": ["02:00"]}, "random": {"kind": "random"},
    "cron": {"kind": "cron", "expr": "*/5 8-17 * * 1-5"},
}  # fmt: skip


def rows(wanted: set[str]) -> Iterator[Row]:
    with world(stored(MANY)) as settings:
        app = db.core(settings)
        yield idle(app)
        yield from some_due(app)
    with world(stored(MANY)) as settings:
        yield from all_due(db.core(settings))
    yield reckoning()


def idle(app: Flask) -> Row:
    times = [seconds(lambda: ticked(app, NOW)) * 1000 for _ in range(200)]
    scanned = seconds(lambda: scan(app)) * MANY / SCANNED
    return Row("e", "scheduler tick, nothing of 100,000 due", quantile(times, 0.5), "ms", 1,
               note=f"p99 {quantile(times, 0.99):.2g} ms; a scan of all would take {scanned:,.0f} s")  # fmt: skip


def some_due(many: Flask) -> Iterator[Row]:
    """The same 1,000 due among 100,000 and among 1,000, in turn; then 10,000 of 100,000."""
    with world(stored(FEW)) as settings:
        few = db.core(settings)
        pairs = [(fired(many, FEW, day), fired(few, FEW, day)) for day in range(6)][1:]
        a, b = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(first / second for first, second in pairs)
        note = f"{a * 1000:,.0f} ms against {b * 1000:,.0f} ms for {FEW:,} due"
        yield Row("e", "the same number due, of 100,000 against of 1,000", ratio, "×", 1.5, note=note)
        took = fired(many, DUE, 6)
        yield Row(
            "e", f"each fire, {DUE:,} of 100,000 due", took / DUE * 1e6, "µs", 150, note=f"{DUE / took:,.0f} fires/s"
        )


def all_due(app: Flask) -> Iterator[Row]:
    before = memory()
    took = fired(app, MANY, 0)
    grown = memory() - before
    with db.unit(app, "bench", reading=True) as session:
        slots, tasks = (session.scalar(sa.select(sa.func.count()).select_from(each)) for each in (Slot, Task))
    assert (slots, tasks) == (MANY, MANY), (slots, tasks)
    yield Row(
        "e", "all 100,000 due at once", MANY / took, "/s", 5_000, "more", note=f"in bites of {tick.BITE}, {took:,.0f} s"
    )
    yield Row("e", "memory that this takes", grown, "MB", 50)


def reckoning() -> Row:
    """The dearest kind decides; most are cheaper."""
    cost = {name: seconds(partial(_walk, rule)) / 500 * 1e6 for name, rule in RULES.items()}
    note = ", ".join(f"{name} {took:.0f}" for name, took in cost.items())
    return Row("e", "one next slot, the dearest kind", max(cost.values()), "µs", 150, note=note)


def _walk(rule: dict[str, Any]) -> None:
    plan: Plan = rules.parse(rule, "Europe/Amsterdam", seed=Seed(b"bench", "bench"))
    moment = NOW
    for _ in range(500):
        found = engine.next_slot(plan, moment)
        assert found
        moment = found.at


def fired(app: Flask, count: int, day: int) -> float:
    """So many become due on a day, and are fired; the seconds that the firing takes."""
    now = NOW + DAY * day
    with db.unit(app, "bench") as session:
        session.execute(
            sa.update(Schedule).where(Schedule.id <= count).values(due_at=now, last_slot_at=now - HOUR),
            execution_options={"synchronize_session": False},
        )
    return seconds(lambda: until_none_is_due(app, now))


def until_none_is_due(app: Flask, now: datetime) -> None:
    while ticked(app, now):
        pass


def ticked(app: Flask, now: datetime) -> int:
    with db.unit(app, "bench"):
        return tick.tick(now)


def scan(app: Flask) -> None:
    """The named baseline: each enabled schedule is read, and its next time worked out."""
    with db.unit(app, "bench", reading=True) as session:
        for schedule in session.scalars(sa.select(Schedule).limit(SCANNED)):
            engine.next_slot(plans.plan_of(schedule), schedule.last_slot_at)


def memory() -> float:
    """The process's own, in MB. What it has mapped of the database's file is the system's, to be dropped at will."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def stored(count: int) -> Path:
    """A database with so many daily schedules, none of them due."""
    name = f"schedules-{count}-{schema.head()}-{len(Schedule.__table__.columns)}-{shape()}"
    return kept(name, f"{count:,} schedules", lambda settings: fill(settings, count))


def fill(settings: Settings, count: int) -> None:
    app = db.core(settings)
    org = organization_id(app)
    for start in range(0, count, BITE):
        with db.unit(app, "bench") as session:
            session.execute(sa.insert(Schedule), [_schedule(n, org) for n in range(start, min(start + BITE, count))])
    with db.unit(app, "bench") as session:
        session.execute(sa.text("ANALYZE"))


def _schedule(number: int, org: int) -> dict[str, Any]:
    next_run = NOW + 1_000 * DAY  # far away: a day of the bench is when it says so
    return {
        "organization_id": org, "name": f"Number {number}", "spec": SPEC, "type": "plugin", "what": "TCP ports", "scope": "",
        "rule": DAILY, "timezone": "UTC", "misfire": "once", "overlap": "allow", "seed": f"{number:032x}", "text": "",
        "status": "active", "due_at": next_run, "next_run_at": next_run, "last_slot_at": NOW - HOUR,
        "created_at": NOW, "created_by": "bench", "updated_at": NOW, "updated_by": "bench",
    }  # fmt: skip
