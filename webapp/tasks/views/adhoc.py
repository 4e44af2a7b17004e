"""One command on many hosts, now: choose, type, watch, and see who answered differently."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, request
from werkzeug.datastructures import MultiDict

from webapp import clock, htmx, polling
from webapp.access.guards import choose_organization, get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import picker
from webapp.db import db
from webapp.language import _
from webapp.tasks import adhoc, asked, launch, queries
from webapp.tasks.lists import batches
from webapp.tasks.lists.filters import Filter
from webapp.tasks.log import outputs
from webapp.tasks.models import Batch, new_uuid
from webapp.tasks.spec import SpecError, parse
from webapp.tasks.states import FINAL, LOOKS, Status, Trigger

bp = Blueprint("adhoc", __name__, url_prefix="/adhoc")

MANY = 50  # from here on somebody has to type how many
SHOWN = 200


@bp.get("/")
@requires(Permission.TASKS_COMMAND)
def index() -> str:
    return render_template("tasks/adhoc.html", **_form(_first_values()))


@bp.post("/targets")
@requires(Permission.TASKS_COMMAND, reading=True)
def targets() -> Response:
    """Whom the form means now; nothing runs."""
    context = _form(request.form)
    reach = adhoc.reach(context["matched"], asked.data(request.form, asked.COMMAND))
    return htmx.page("tasks/adhoc.html", "tasks/_targets.html", **context | {"reach": reach})


@bp.post("/")
@requires(Permission.TASKS_COMMAND)
def run() -> Response | tuple[str, int]:
    form, now = request.form, clock.now()
    organization_id = choose_organization(form.get("organization"), Permission.TASKS_COMMAND)
    if made := queries.batch_by_uuid(form.get("once", "")):  # sent twice
        return redirect(f"/adhoc/{made.uuid}", 303)  # type: ignore[return-value]
    picked = picker.read(form, now, organization_id)
    errors = _too_many(picked, form, organization_id)
    if not errors:
        try:
            batch = launch.launch(parse(_body(form, picked)), Trigger.ADHOC, principal.actor, now,
                                  uuid=form.get("once") or None)  # fmt: skip
        except SpecError as error:
            errors = error.errors
    if errors:
        return render_template("tasks/adhoc.html", **_form(form) | {"errors": errors}), 422
    db.session.commit()
    return redirect(f"/adhoc/{batch.uuid}", 303)  # type: ignore[return-value]


@bp.get("/<batch_id>")
@requires(Permission.TASKS_COMMAND)
@polling.cached
def show(batch_id: str) -> Response:
    batch = get_or_404(Batch, uuid=batch_id)
    data = current_app.extensions["settings"].data
    tasks = batches.children(batch, Filter(), SHOWN)
    groups = outputs.grouped(tasks, data)
    facts: dict[str, Any] = {
        "batch": batch, "tasks": tasks, "groups": groups, "summary": outputs.summary(groups), "looks": LOOKS,
        "lines": {task.uuid: outputs.last_line(task, data) for task in tasks}, "open": any(t.status not in FINAL for t in tasks),
        "failed": [t for t in tasks if t.status in (Status.FAILED, Status.EXPIRED, Status.TERMINATED)],
    }  # fmt: skip
    return htmx.page("tasks/adhoc_run.html", "tasks/_adhoc_run.html", **facts)


def _first_values() -> MultiDict[str, str]:
    """With `from`, what was entered for that run: to be looked at, and run again."""
    if not (uuid := request.args.get("from")):
        return request.args
    batch = get_or_404(Batch, uuid=uuid, type=asked.COMMAND)
    home = next(org.slug for org in principal.orgs if org.id == batch.organization_id)
    return MultiDict([*adhoc.fields(batch).items(multi=True), ("organization", home)])


def _body(form: MultiDict[str, str], picked: picker.Picker) -> dict[str, Any]:
    options: dict[str, Any] = {
        name: form[name].strip() for name in ("execution_timeout", "run_as") if form.get(name, "").strip()
    }
    if (seconds := options.get("execution_timeout", "")).isdigit():
        options["execution_timeout"] = int(seconds)
    return {
        "type": asked.COMMAND,
        "data": asked.data(form, asked.COMMAND),
        "target": picked.target,
        "options": options,
    }


def _too_many(picked: picker.Picker, form: MultiDict[str, str], organization_id: int) -> list[dict[str, str]]:
    count = len(picked.matched(clock.now(), organization_id))
    if count <= MANY or picked.mode == "anyone" or form.get("sure", "").strip() == str(count):
        return []
    return [{"field": "sure", "message": _("This runs on %(count)s hosts. Type %(count)s to confirm", count=count)}]


def _form(form: MultiDict[str, str]) -> dict[str, Any]:
    now = clock.now()
    allowed = [org for org in principal.orgs if org.id in principal.org_ids_with(Permission.TASKS_COMMAND)]
    chosen = next((org for org in allowed if org.slug == form.get("organization")), principal.current_org or allowed[0])
    picked = picker.read(form, now, chosen.id)
    return {
        "once": new_uuid(), "form": form, "picker": picked, "modes": picker.MODES, "matched": picked.matched(now, chosen.id), "now": now,
        "organizations": allowed, "organization": chosen, "recent": adhoc.recent(), "mine": adhoc.mine(principal.id), "errors": [],
        "reach": None, "repeated": request.args.get("from"),
    }  # fmt: skip
