"""The filtered list as a file: streamed, so that its length costs no memory, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request, stream_with_context

from webapp import clock
from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db, scope_to
from webapp.errors import Problem
from webapp.tasks.lists import filters, rows
from webapp.tasks.lists.filters import Filter, FilterError
from webapp.tasks.models import Task

bp = Blueprint("export", __name__, url_prefix="/tasks")

BITE = 500
MOST = 100_000
FIELDS = ("id", "status", "type", "what", "input", "agent", "trigger", "created_by", "created_at", "started_at", "ended_at",
          "exit_code", "outcome", "reason", "error", "retry_number", "notes")  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate


@bp.get("/export.<any(csv,json):form>")
@requires(Permission.TASKS_READ)
def export(form: str) -> Response:
    try:
        chosen = filters.parse(request.args, clock.now(), principal.person)
    except FilterError as error:
        raise Problem(422, errors=[{"field": error.key, "message": error.text}]) from None
    seen = db.session().info["scope"].reading
    lines, kind = (as_csv(chosen, seen), "text/csv") if form == "csv" else (as_json(chosen, seen), "application/json")
    headers = {"Content-Disposition": f"attachment; filename=tasks.{form}", "X-Accel-Buffering": "no"}
    return Response(stream_with_context(lines), content_type=f"{kind}; charset=utf-8", headers=headers)


def as_csv(chosen: Filter, seen: frozenset[int]) -> Iterator[str]:
    yield _line(FIELDS)
    for task in _all(chosen, seen):
        yield _line([_safe(value) for value in told(task).values()])


def as_json(chosen: Filter, seen: frozenset[int]) -> Iterator[str]:
    between = "[\n"
    for task in _all(chosen, seen):
        yield between + json.dumps(told(task), ensure_ascii=False)
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


def told(task: Task) -> dict[str, Any]:
    times = {name: clock.iso(getattr(task, name)) for name in ("created_at", "started_at", "ended_at")}
    values = {
        "id": task.uuid, "status": task.status, "type": task.type, "what": task.what, "input": task.input,
        "agent": task.agent_name, "trigger": task.trigger, "created_by": task.created_by, **times,
        "exit_code": task.exit_code, "outcome": task.outcome, "reason": task.reason, "error": task.error,
        "retry_number": task.retry_number, "notes": task.note_count,
    }  # fmt: skip
    return {name: values[name] for name in FIELDS}


def _all(chosen: Filter, seen: frozenset[int]) -> Iterator[Task]:
    """A stream is read after the request, in a session of its own: it must be told anew whose rows it may see."""
    db.session().info["reading"] = True
    scope_to(seen)
    after: rows.Place | None = None
    for _ in range(MOST // BITE):
        tasks = rows.newest(chosen, BITE, after)
        yield from tasks
        if len(tasks) < BITE:
            return
        after = (tasks[-1].batch_id, tasks[-1].id)


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _line(values: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()
