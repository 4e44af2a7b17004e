"""What a task leaves behind: files, objects, its history; and why it waits."""

from __future__ import annotations

from webapp import clock
from webapp.access.permissions import Permission as P
from webapp.db import db
from webapp.events import Event
from webapp.files import queries as files
from webapp.files.models import File
from webapp.objects import queries as objects
from webapp.objects.models import Object, ObjectTask
from webapp.processes import beats
from webapp.rest import shapes
from webapp.rest.files import FILE
from webapp.rest.files import form as file_form
from webapp.rest.objects import OBJECT
from webapp.rest.objects import form as object_form
from webapp.rest.pages import PAGE, list_of, listed, oldest_first
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import EVENT, WHY, answered
from webapp.rest.tasks import found
from webapp.rest.values import Flag, Json, Shape, Text
from webapp.tasks.lists import rows
from webapp.tasks.states import WAITING

section = Section("traces", "What a task leaves behind")

SEEN = Shape(name="SeenObject", fields={**OBJECT.fields, **answered(
    "",
    plugin_id=Text(null=True),
    input_key=Text(about="The object that the task started from."),
    created=Flag(about="It was new."),
).fields})  # fmt: skip


@section.get("/tasks/<task_id>/files/", needs=(P.TASKS_READ, P.FILES_READ), query=PAGE, answer=list_of(FILE))
def files_of(task_id: str) -> Answer:
    """List the files that a task left."""
    return oldest_first(files.listed(task_id=found(task_id).id), File.id, file_form)


@section.get("/tasks/<task_id>/objects/", needs=(P.TASKS_READ, P.OBJECTS_READ), query=PAGE, answer=list_of(SEEN))
def objects_of(task_id: str) -> Answer:
    """List the objects that a task saw."""
    return oldest_first(objects.links_of(found(task_id).id), ObjectTask.id, _seen)


@section.get("/tasks/<task_id>/events/", needs=(P.TASKS_READ,), query=PAGE, answer=list_of(EVENT))
def events_of(task_id: str) -> Answer:
    """List what happened to a task.

    Every move: from, to, when, who, why; and every note.
    """
    return oldest_first(rows.events_of(found(task_id)), Event.id, shapes.event)


@section.get("/tasks/<task_id>/why", needs=(P.TASKS_READ,), answer=list_of(WHY))
def why_of(task_id: str) -> Answer:
    """Say why a task waits.

    Empty for one that runs or has ended. The first reason is the one that decides.
    """
    task, now = found(task_id), clock.now()
    workers = beats.count_alive("worker", now) if task.status in WAITING else None
    return listed(shapes.reasons(task, now, workers))


def _seen(link: ObjectTask) -> Json:
    seen = object_form(db.session.get_one(Object, link.object_id))
    return seen | {"plugin_id": link.plugin_id, "input_key": link.input_key, "created": link.created}
