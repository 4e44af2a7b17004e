"""News that come after the lease: kept once, and believed only from who held the last lease and only over a guess."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.tasks import late, lifecycle, queries
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End, Lease
from webapp.tasks.models import LateResult


def lost(cast: Cast, **options: int) -> Claimed:
    taken = made.started(cast.acme, **options)
    lifecycle.lose(taken.task, made.WORKER, clock.now())
    return taken


def kept(session: Session) -> list[bool]:
    return list(session.scalars(sa.select(LateResult.resolved)))


def test_it_replaces_a_guess(session: Session, cast: Cast) -> None:
    taken = lost(cast)
    assert late.accept(taken.task, taken.lease, made.WORKER, clock.now(), End(0))
    assert (taken.task.status, taken.task.late, kept(session)) == ("completed", True, [True])


def test_it_is_kept_once_however_often_it_is_told(session: Session, cast: Cast) -> None:
    taken = lost(cast)
    answers = [late.accept(taken.task, taken.lease, made.WORKER, clock.now(), End(0)) for _ in range(3)]
    assert (answers, kept(session)) == ([True, True, True], [True])


def test_a_stranger_is_not_believed(session: Session, cast: Cast) -> None:
    taken = lost(cast)
    assert not late.accept(taken.task, Lease(taken.lease.seq, "guessed"), made.WORKER, clock.now(), End(0))
    assert not late.accept(taken.task, Lease(0, taken.lease.token), made.WORKER, clock.now(), End(0))
    assert (taken.task.status, kept(session)) == ("failed", [False, False])


def test_a_known_end_stays_and_the_news_is_evidence(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme)
    lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(1))
    assert not late.accept(taken.task, taken.lease, made.WORKER, clock.now(), End(0))
    assert (taken.task.status, kept(session)) == ("failed", [False])


def test_a_retry_that_has_started_is_not_overtaken(session: Session, cast: Cast) -> None:
    taken = lost(cast, max_retries=1)
    retry = queries.chain(taken.task)[-1]
    lifecycle.run_now(retry, made.ANN, clock.now())
    made.claimed()
    assert not late.accept(taken.task, taken.lease, made.WORKER, clock.now(), End(0))
    assert kept(session) == [False]
