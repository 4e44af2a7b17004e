"""Cleans up after others: expiry, lost executors, timeouts, lost rings, counters, old rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Event

from webapp import queue
from webapp.access import audit, sessions
from webapp.agents import sweep as agents
from webapp.config import Settings
from webapp.news import expiring
from webapp.news import lifecycle as news
from webapp.processes import beats
from webapp.rest import idempotency
from webapp.schedules import queries as schedules
from webapp.tasks import failures, purge, sweep, wake
from webapp.tasks.bulk import operations
from workers import due
from workers.chores import Chore, run
from workers.journals import Journals

EVERY = 1.0


class BrokerMemory:
    """Notices that the broker was flushed or came back empty: then every waiting task is rung again at once."""

    def __init__(self) -> None:
        self.epoch: str | None = None

    def watch(self, now: datetime) -> None:
        epoch = queue.epoch()
        if epoch is None or epoch == self.epoch:
            return
        before, self.epoch = self.epoch, epoch
        if before is not None:
            sweep.ring_again(now, broker_lost_its_memory=True)


def chores(settings: Settings) -> list[Chore]:
    seen: dict[int, int] = {}

    def correct_revisions(now: datetime) -> None:
        sweep.correct_revisions(seen)

    def purge_old(now: datetime) -> None:
        purge.old(now, settings.data, timedelta(days=settings.keep_tasks) if settings.keep_tasks else None)

    def tell_failures(now: datetime) -> None:
        failures.tell(now, schedules.makers)

    return [
        *(Chore(2, chore, due.LEASED_TASKS) for chore in (sweep.time_out, sweep.lose_workers, sweep.lose_agents,
                                                          sweep.flag_unreachable, sweep.give_up_stops)),
        Chore(2, sweep.expire_unclaimed, due.EXPIRED_TASKS), Chore(2, sweep.lose_removed_agents, due.OPEN_TASKS),
        Chore(0.5, operations.advance, due.OPERATIONS),
        Chore(5, sweep.ring_again), Chore(10, wake.say_again), Chore(1, BrokerMemory().watch), Chore(5, sweep.fold_counts),
        Chore(10, correct_revisions), Chore(10, purge_old), Chore(3600, beats.forget_old), Chore(2, Journals(settings.data).take_in),
        Chore(2, tell_failures, due.AWAITED), Chore(3600, expiring.tell), Chore(3600, news.forget_old),
        Chore(1, audit.chain, due.UNCHAINED), Chore(3600, sessions.prune), Chore(3600, idempotency.forget_old), Chore(10, agents.carry_beats), Chore(5, agents.notice_offline), Chore(3600, agents.forget_samples),
    ]  # fmt: skip


def main(settings: Settings, stop: Event) -> None:
    run("caretaker", settings, chores(settings), EVERY, stop)
