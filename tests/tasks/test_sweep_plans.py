"""What the loops ask every few seconds costs the same after a million tasks: each question reads an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from webapp import clock
from webapp.db import dialect
from webapp.tasks import sweep


@pytest.mark.parametrize("chore", sweep.ROUND, ids=lambda chore: chore.__name__)
def test_no_question_reads_every_task(session: Session, cast: Cast, chore: Callable[[datetime], int]) -> None:
    if dialect() != "sqlite":
        return  # PostgreSQL plans by the numbers of rows, and here there are none
    asked: list[tuple[str, Any]] = []
    connection = session.connection()

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, parameters))

    sa.event.listen(connection, "before_cursor_execute", note)
    chore(clock.now())
    sa.event.remove(connection, "before_cursor_execute", note)
    plans = [
        row[3]
        for statement, values in asked
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    ]
    assert plans and not [plan for plan in plans if plan.startswith("SCAN task") and "USING INDEX" not in plan]
