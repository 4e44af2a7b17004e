"""What the loops ask every few seconds costs the same after a million tasks: each question reads an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.plans import plans_of
from webapp import clock
from webapp.db import dialect
from webapp.tasks import sweep


@pytest.mark.parametrize("chore", sweep.ROUND, ids=lambda chore: chore.__name__)
def test_no_question_reads_every_task(session: Session, cast: Cast, chore: Callable[[datetime], int]) -> None:
    if dialect() != "sqlite":
        return  # PostgreSQL plans by the numbers of rows, and here there are none
    plans = plans_of(session, lambda: chore(clock.now()))
    assert plans and not [plan for plan in plans if plan.startswith("SCAN task") and "USING INDEX" not in plan]
