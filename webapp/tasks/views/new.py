"""Making tasks: the page, the same form in a dialog, and what it says when something is missing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, request
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict

from webapp import clock, htmx
from webapp.access.guards import choose_organization, get_or_404, may, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import picker
from webapp.db import db, writing_to
from webapp.language import ngettext
from webapp.security import here
from webapp.tasks import asked, launch, new_form, refill
from webapp.tasks.models import Batch, Task
from webapp.tasks.spec import SpecError, parse
from webapp.tasks.states import Trigger

bp = Blueprint("new_task", __name__, url_prefix="/tasks/new")


@bp.get("/")
@requires(Permission.TASKS_CREATE)
def form() -> Response:
    return htmx.page("tasks/new.html", "tasks/_new.html", **_context(_first_values()))


@bp.post("/")
@requires(Permission.TASKS_CREATE)
def create() -> Response:
    given = request.form
    if "change" in given:  # without JavaScript: another kind or plugin was chosen
        return htmx.page("tasks/new.html", "tasks/_new.html", **_context(given))
    organization_id = choose_organization(given.get("organization"), Permission.TASKS_CREATE)
    kind = given.get("kind", "")
    if kind == asked.COMMAND:
        may(Permission.TASKS_COMMAND, org_id=organization_id)
    if made := _made_before(given.get("once", "")):
        return _answer(made)
    try:
        if (when := current_app.extensions.get("when")) and when.asked(given):
            body = asked.body(given, kind, picker.read(given, clock.now(), organization_id))
            return when.take(body, given, organization_id)  # type: ignore[no-any-return]
        batch = _launch(given, kind, organization_id)
    except SpecError as error:
        db.session.rollback()
        context = _context(given, getattr(error, "form", None)) | {"errors": asked.told(error.errors)}
        return htmx.page("tasks/new.html", "tasks/_new.html", 422, **context)
    return _answer(batch)


def _launch(given: MultiDict[str, str], kind: str, organization_id: int) -> Batch:
    """The form's own word names the batch, so that a form that is sent twice makes one."""
    now = clock.now()
    chosen = picker.read(given, now, organization_id)
    spec = parse(asked.body(given, kind, chosen))
    try:
        with writing_to(organization_id):
            batch = launch.launch(spec, Trigger.MANUAL, principal.actor, now, uuid=given.get("once") or None)
            db.session.commit()
        return batch
    except IntegrityError:
        db.session.rollback()
        if made := _made_before(given.get("once", "")):
            return made
        raise


def _made_before(once: str) -> Batch | None:
    return db.session.scalar(sa.select(Batch).where(Batch.uuid == once)) if once else None


def _answer(batch: Batch) -> Response:
    tasks = db.session.scalars(sa.select(Task.uuid).where(Task.batch_id == batch.id).limit(2)).all()
    to = f"/tasks/{tasks[0]}" if len(tasks) == 1 else f"/tasks/batches/{batch.uuid}"
    number = batch.total or 1
    text = ngettext("%(count)s task created", "%(count)s tasks created", number, count=f"{number:,}")
    if here().partition("?")[0].rstrip("/") == "/tasks/new":  # a page of its own, with no list behind it
        return htmx.moved(to, text)
    answer = htmx.changed(None, to, text, refresh="tasks", href=to)
    return htmx.tell_more(answer, {"dialog:close": {}}) if htmx.wanted() else answer


def _context(given: MultiDict[str, str], times: Any = None) -> dict[str, Any]:
    """`times`: the fields of When with their errors, when these were refused."""
    when = current_app.extensions.get("when")
    return new_form.context(given) | {"when": when.context(given, times) if when else {}}


def _first_values() -> MultiDict[str, str]:
    """What an address asks for: a plugin, a test, an agent, or what a task ran before."""
    if not (uuid := request.args.get("from")):
        return asked.first_values(request.args)
    task = get_or_404(Task, uuid=uuid, deleted_at=None)
    found = refill.fields(launch.respec(task), task.organization_id) if task.type in new_form.kinds() else None
    return found or asked.first_values(MultiDict({"kind": task.type, "plugin": task.plugin_id or "demo"}))
