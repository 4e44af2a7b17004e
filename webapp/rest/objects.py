"""Objects: assets with a natural key. A plugin that runs elsewhere stores what it saw here."""

from __future__ import annotations

from typing import Any

from webapp import clock, events
from webapp.access.guards import choose_organization, get_or_404, may
from webapp.access.permissions import Permission as P
from webapp.errors import Problem
from webapp.objects import lifecycle, queries, types
from webapp.objects.lifecycle import Seen
from webapp.objects.models import Object
from webapp.rest import shapes
from webapp.rest.pages import PAGE, list_of, newest_first
from webapp.rest.reading import asked, sent
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Flag, Json, Many, Moment, Named, Shape, Text, Value, Whole
from webapp.tasks import queries as tasks
from webapp.tasks.models import Task

section = Section(
    "objects", "Objects", "Assets, each with a natural key such as `internet|example.com`, and what tasks saw of them."
)

OBJECT = answered(
    "Object",
    id=Whole(),
    type=Text(choices=tuple(types.OBJECT_TYPES)),
    key=Text(about="Natural key: unique among its type in the organization."),
    data=Named(about="Its fields."),
    organization=Text(),
    first_seen_at=Moment(),
    last_seen_at=Moment(),
)
TYPE = answered(
    "ObjectType",
    type=Text(),
    label=Text(),
    key=Many(of=Text(), about="The fields that make its natural key."),
    fields=Many(
        of=answered("", name=Text(), kind=Text(), required=Flag(), choices=Many(of=Text()), refers=Text(), help=Text())
    ),
)
FIELDS = Shape(
    name="NewObject",
    about="The fields of its type, and:",
    fields={"organization": Text(about="Default: the task's, else the token's own.")},
)
FILTERS: dict[str, Value] = {
    "task_id": Text(about="Only those that this task saw."),
    "key": Text(about="Its whole natural key."),
    "q": Text(about="Parts of the key."),
}
LINK: dict[str, Value] = {
    "task_id": Text(about="The task that saw it: makes the link between them."),
    "input_key": Text(longest=500, about="Natural key of the object from which the task came to it."),
}


@section.get("/objects/", needs=(P.OBJECTS_READ,), answer=list_of(TYPE))
def kinds() -> Json:
    """List the types of objects and their fields."""
    return {"items": [_type(kind) for kind in types.OBJECT_TYPES.values()], "next": None}


@section.get("/objects/<object_type>/", needs=(P.OBJECTS_READ,), query=FILTERS | PAGE, answer=list_of(OBJECT))
def index(object_type: str) -> Answer:
    """List objects of a type, the latest new ones first; of every type as `all`."""
    kind, wanted = "" if object_type == "all" else _known(object_type), asked()
    rows = queries.seen_by(_task(wanted["task_id"]).id, kind) if "task_id" in wanted else queries.listed(kind)
    if "key" in wanted:
        rows = rows.where(Object.key == wanted["key"])
    for word in wanted.get("q", "").split():
        rows = rows.where(Object.key.icontains(word, autoescape=True))
    return newest_first(rows, Object.id, form)


@section.post("/objects/<object_type>/", needs=(P.OBJECTS_WRITE,), body=FIELDS, query=LINK, answer=OBJECT, status=201)
def create(object_type: str) -> Answer:
    """Store an object that was seen.

    With `task_id` also the link to the task, its plugin and the input. One that is known already is refreshed and
    answered with 200.
    """
    kind, fields = _known(object_type), sent()
    slug = fields.pop("organization", None)
    task = _task(asked()["task_id"], P.OBJECTS_WRITE) if "task_id" in asked() else None
    organization_id = (
        task.organization_id if task else choose_organization(str(slug) if slug else None, P.OBJECTS_WRITE)
    )
    data = types.clean(kind, fields)
    seen = Seen(kind, types.natural_key(kind, data), data, asked().get("input_key", ""))
    known = queries.by_key(kind, seen.key, organization_id)
    row = _see(seen, organization_id, task)
    return Answer(form(row), 200 if known else 201, {"Location": f"/api/v1/objects/{kind}/{row.id}/"})


@section.get("/objects/<object_type>/<int:object_id>/", needs=(P.OBJECTS_READ,), answer=OBJECT)
def show(object_type: str, object_id: int) -> Json:
    """Fetch an object."""
    return form(_object(object_type, object_id))


@section.delete("/objects/<object_type>/<int:object_id>/", needs=(P.OBJECTS_DELETE,))
def delete(object_type: str, object_id: int) -> None:
    """Delete an object. It comes back when a task sees it again."""
    row = _object(object_type, object_id)
    row.deleted_at = clock.now()
    events.touch(row.organization_id)


def form(row: Object) -> Json:
    return {
        "id": row.id,
        "type": row.type,
        "key": row.key,
        "data": row.data,
        "organization": shapes.organization(row.organization_id),
        "first_seen_at": clock.iso(row.first_seen_at),
        "last_seen_at": clock.iso(row.last_seen_at),
    }


def _see(seen: Seen, organization_id: int, task: Task | None) -> Object:
    plugin_id = task.plugin_id if task else None
    lifecycle.see(organization_id, [seen], clock.now(), task_id=task.id if task else None, plugin_id=plugin_id)
    if task:
        task.object_count = queries.count_of(task.id)
    events.touch(organization_id)
    row = queries.by_key(seen.type, seen.key, organization_id)
    assert row is not None
    return row


def _object(object_type: str, object_id: int) -> Object:
    return get_or_404(Object, id=object_id, type=_known(object_type), deleted_at=None)


def _known(object_type: str) -> str:
    if object_type not in types.OBJECT_TYPES:
        raise Problem(404, types.unknown("object type", object_type, types.OBJECT_TYPES))
    return object_type


def _task(task_id: str, needed: P | None = None) -> Task:
    """404 also where it is named in the query: whether it is there is what a stranger asks."""
    task = tasks.by_uuid(task_id.lower())
    if task is None:
        raise Problem(404, f"There is no task {task_id[:60]} in the organizations you can see")
    if needed:
        may(needed, org_id=task.organization_id)
        choose_organization(str(task.organization_id), needed)
    return task


def _type(kind: types.ObjectType) -> Json:
    fields: list[dict[str, Any]] = [
        {
            "name": field.name,
            "kind": field.kind,
            "required": field.required and field.default is None,
            "choices": list(field.choices),
            "refers": field.refers,
            "help": field.help,
        }
        for field in kind.fields
    ]
    return {"type": kind.name, "label": kind.label, "key": list(kind.key), "fields": fields}
