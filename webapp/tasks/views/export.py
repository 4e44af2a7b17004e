"""The filtered list, or what is selected in it, as a file: streamed, so that its length costs no memory, and safe to open
in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request, stream_with_context
from werkzeug.datastructures import MultiDict

from webapp import clock, htmx
from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db, scope_to
from webapp.errors import Problem
from webapp.language import _
from webapp.security import here
from webapp.tasks.lists import filters, rows
from webapp.tasks.lists.filters import Args, Filter, FilterError
from webapp.tasks.lists.rows import Place
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
    return _file(form, _matching(_meant(request.args), _seen()))


@bp.post("/export.<any(csv,json):form>")
@requires(Permission.TASKS_READ, reading=True)
def export_selected(form: str) -> Response:
    """What the bar of the list holds: the ticked rows, or all that match."""
    if request.form.get("scope") == "matching":
        chosen = _meant(MultiDict(parse_qsl(request.form.get("query", ""))))
        return _file(form, _matching(chosen, _seen()))
    places = rows.places_of(rows.ticked(request.form.getlist("ids"), MOST))
    return _file(form, _selected(places, _seen())) if places else htmx.refused(_("Nothing is selected"), here())


def _meant(args: Args) -> Filter:
    try:
        return filters.parse(args, clock.now(), principal.person)
    except FilterError as error:
        raise Problem(422, errors=[{"field": error.key, "message": error.text}]) from None


def _seen() -> frozenset[int]:
    return db.session().info["scope"].reading  # type: ignore[no-any-return]


def _file(form: str, tasks: Iterator[Task]) -> Response:
    lines, kind = (as_csv(tasks), "text/csv") if form == "csv" else (as_json(tasks), "application/json")
    headers = {"Content-Disposition": f"attachment; filename=tasks.{form}", "X-Accel-Buffering": "no"}
    return Response(stream_with_context(lines), content_type=f"{kind}; charset=utf-8", headers=headers)


def as_csv(tasks: Iterator[Task]) -> Iterator[str]:
    yield _line(FIELDS)
    for task in tasks:
        yield _line([_safe(value) for value in told(task).values()])


def as_json(tasks: Iterator[Task]) -> Iterator[str]:
    between = "[\n"
    for task in tasks:
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


def _matching(chosen: Filter, seen: frozenset[int]) -> Iterator[Task]:
    _read_for(seen)
    after: Place | None = None
    for _bite in range(MOST // BITE):
        tasks = rows.newest(chosen, BITE, after)
        yield from tasks
        if len(tasks) < BITE:
            return
        after = (tasks[-1].batch_id, tasks[-1].id)


def _selected(places: list[Place], seen: frozenset[int]) -> Iterator[Task]:
    _read_for(seen)
    for begin in range(0, len(places), BITE):
        yield from rows.at(places[begin : begin + BITE])


def _read_for(seen: frozenset[int]) -> None:
    """A stream is read after the request, in a session of its own: it must be told anew whose rows it may see."""
    db.session().info["reading"] = True
    scope_to(seen)


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _line(values: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()
