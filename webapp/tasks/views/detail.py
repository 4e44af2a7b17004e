"""The page of one task. It keeps itself fresh by its own address until the task has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, redirect, request

from webapp import clock, htmx, polling
from webapp.access import prefs
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import queries as agents
from webapp.files import queries as files
from webapp.language import _
from webapp.plugins import queries as plugins
from webapp.processes import beats
from webapp.schedules import queries as schedules
from webapp.tasks import compare, equivalents, family, queries, runs, timeline, why
from webapp.tasks.log import log_page
from webapp.tasks.log.log_page import STREAMS
from webapp.tasks.log.output_shown import place
from webapp.tasks.models import Task
from webapp.tasks.notes import thread
from webapp.tasks.notes.forms import NoteForm

bp = Blueprint("task", __name__, url_prefix="/tasks")

OBJECTS = 200  # of a page
WAITING_EVERY = 10  # seconds: why a task waits also changes when nothing happens to it


@bp.get("/<task_id>")
@requires(Permission.TASKS_READ)
def show(task_id: str) -> Response:
    """A poll says `live`, and gets everything but the output, which has a clock of its own."""
    if len(task_id) < 36 and (task := queries.by_uuid(task_id.lower())):
        query = request.query_string.decode()
        return redirect(f"/tasks/{task.uuid}{'?' if query else ''}{query}")  # type: ignore[return-value]
    if htmx.wanted() and "live" not in request.args:
        return _show(task_id)
    every = WAITING_EVERY if request.args.get("live") == "wait" else 0
    shown: Response = polling.cached(personal=True, every=every)(_show)(task_id)
    return shown


def _show(task_id: str) -> Response:
    task = get_or_404(Task, uuid=task_id, deleted_at=None)
    related = family.of(task)
    tabs = _tabs(task, related)
    tab = request.args.get("tab", "")
    tab = tab if tab in tabs else "output"
    return htmx.page(
        "tasks/detail.html", "tasks/_task.html", task=task, tab=tab, tabs=tabs,
        org=next(org for org in principal.orgs if org.id == task.organization_id), family=related,
        timeline=timeline.of(task, clock.now()), runs=runs.of(task), whys=_whys(task), copied=_copied(task),
        due_by=schedules.due_by(task), **_zones(task), **CONTENTS[tab](task),
    )  # fmt: skip


def _tabs(task: Task, related: family.Family) -> dict[str, tuple[str, int | None]]:
    """Label, and how many there are; those that one may not see are absent."""
    every = {
        "output": (_("Output"), None), "files": (_("Files"), task.file_count), "objects": (_("Created objects"), task.object_count),
        "notes": (_("Notes"), task.note_count), "attempts": (_("Attempts"), len(related.attempts)), "compare": (_("Compare"), None),
        "details": (_("Details"), None),
    }  # fmt: skip
    needed = {"files": Permission.FILES_READ, "objects": Permission.OBJECTS_READ}
    return {
        name: tab for name, tab in every.items()
        if name not in needed or principal.can(needed[name], task.organization_id)
    }  # fmt: skip


def _copied(task: Task) -> dict[str, str]:
    """What the menu puts into the clipboard."""
    return {
        "cli": equivalents.cli(task),
        "api": equivalents.api(task, request.host_url),
        "logs": equivalents.logs(task),
    }


def _whys(task: Task) -> list[why.Why]:
    if not task.waiting:
        return []
    now = clock.now()
    return why.why(task, now, beats.count_alive("worker", now))


def _zones(task: Task) -> dict[str, Any]:
    """In which its times are told: the reader's own, UTC, or the host's if it has told it."""
    host = agents.zone_of(task.agent_id)
    named = {"utc": "UTC"} | ({"agent": host} if host in prefs.zones() - {"UTC", "Etc/UTC"} else {})
    chosen = principal.prefs["task_zone"]
    zone = ZoneInfo(named[chosen]) if chosen in named else None
    told = {"utc": "UTC", "agent": _("agent"), "mine": _("mine")}
    zones = {key: told[key] for key in (*named, "mine")}
    return {"zones": zones, "zone": zone, "chosen_zone": chosen if zone else "mine"}


def _output(task: Task) -> dict[str, Any]:
    """What a poll gets has no output in it: the page leaves its own alone."""
    log = None if "live" in request.args else log_page.opened(task, _data(), request.args)
    printed = task.stdout_size or task.stderr_size or (log and log.shown.size)
    nothing = task.final and not printed
    return {"log": log, "stream": log_page.stream_of(request.args), "streams": STREAMS, "nothing": nothing}


def _files(task: Task) -> dict[str, Any]:
    return {"files": files.of_task(task.id), "plugins": plugins.usable()}


def _objects(task: Task) -> dict[str, Any]:
    after = place(request.args.get("after", "")) or 0
    links = family.objects(task, after, OBJECTS + 1)
    return {"links": links[:OBJECTS], "more": len(links) > OBJECTS}


def _notes(task: Task) -> dict[str, Any]:
    return {"thread": thread.of(task, principal), "form": NoteForm(None)}


def _attempts(task: Task) -> dict[str, Any]:
    return {}


def _compare(task: Task) -> dict[str, Any]:
    return {"compared": compare.with_last_success(task, _data())}


def _details(task: Task) -> dict[str, Any]:
    return {"blocks": equivalents.blocks(task, request.host_url)}


CONTENTS: dict[str, Callable[[Task], dict[str, Any]]] = {
    "output": _output, "files": _files, "objects": _objects, "notes": _notes,
    "attempts": _attempts, "compare": _compare, "details": _details,
}  # fmt: skip


def _data() -> Any:
    return current_app.extensions["settings"].data
