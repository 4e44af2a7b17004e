"""Object sets: objects of one type that a query finds, and hand-picked ones."""

from __future__ import annotations

from itertools import islice

from webapp import clock
from webapp.access.guards import choose_organization, get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.objects import selection, sets, types
from webapp.objects.models import ObjectSet
from webapp.objects.selection import SelectionError
from webapp.rest import etags, shapes
from webapp.rest.pages import PAGE, list_of, oldest_first
from webapp.rest.reading import asked, body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Json, Many, Moment, Shape, Text, Value, Whole

section = Section(
    "object_sets", "Object sets", "Who is in one is asked anew each time. A query that cannot be used matches nothing."
)

QUERY = Text(longest=500, shortest=0, about="`name:*.example.com seen:7d`: all terms must hold; `*` is every object.")
SAID: dict[str, Value] = {
    "name": Text(longest=120),
    "type": Text(choices=tuple(types.OBJECT_TYPES)),
    "query": QUERY,
    "picked": Many(of=Text(longest=500), most=sets.MOST_PICKED, about="Natural keys."),
}
NEW = Shape(name="NewObjectSet", fields=SAID | {
    "name": Text(required=True, longest=120),
    "type": Text(required=True, choices=tuple(types.OBJECT_TYPES)),
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip
EDIT = Shape(name="EditObjectSet", about="What is left out stays as it is.", fields=SAID)
SET = answered(
    "ObjectSet",
    id=Whole(),
    name=Text(),
    type=Text(),
    query=Text(),
    picked=Many(of=Text()),
    count=Whole(about="How many are in it now."),
    problem=Text(null=True, about="Why its query finds nothing."),
    organization=Text(),
    created_at=Moment(),
    updated_at=Moment(),
)
MEMBERS = answered("Members", items=Many(of=Text()), count=Whole())
QUESTION = Shape(name="SetQuestion", fields={
    "type": Text(required=True, choices=tuple(types.OBJECT_TYPES)),
    "query": QUERY,
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip
FILTERS: dict[str, Value] = {"q": Text(about="A part of the name.")}
MOST: dict[str, Value] = {"limit": Whole(low=1, high=10_000, default=100)}


@section.get("/object-sets/", needs=(P.OBJECTS_READ,), query=FILTERS | PAGE, answer=list_of(SET))
def index() -> Answer:
    """List the object sets."""
    return oldest_first(sets.listed(asked().get("q", "")), ObjectSet.id, _form)


@section.post("/object-sets/", needs=(P.OBJECTS_WRITE,), body=NEW, answer=SET, status=201)
def create() -> Answer:
    """Make an object set."""
    given = body()
    choose_organization(given.pop("organization", None), P.OBJECTS_WRITE)
    made = sets.create(given, principal.actor, clock.now())
    return Answer(_form(made), headers={"Location": f"/api/v1/object-sets/{made.id}/"})


@section.post("/object-sets/preview", needs=(P.OBJECTS_READ,), reading=True, body=QUESTION, answer=MEMBERS)
def preview() -> Json:
    """Count who a query would find, and name the first ten. Nothing is saved."""
    given = body()
    organization_id = choose_organization(given.get("organization"), P.OBJECTS_READ)
    asked_for = ObjectSet(organization_id=organization_id, type=given["type"], query=given.get("query", ""), picked=[])
    try:
        selection.conditions(asked_for.type, asked_for.query, clock.now())
    except SelectionError as wrong:
        raise sets.FieldErrors([{"field": "query", "message": str(wrong)}]) from None
    return {
        "items": list(islice(sets.keys(asked_for, clock.now()), 10)),
        "count": sets.count(asked_for, clock.now()),
    }


@section.get("/object-sets/<int:set_id>/", needs=(P.OBJECTS_READ,), answer=SET)
def show(set_id: int) -> Json:
    """Fetch an object set."""
    return _form(_found(set_id))


@section.get("/object-sets/<int:set_id>/members/", needs=(P.OBJECTS_READ,), query=MOST, answer=MEMBERS)
def members(set_id: int) -> Json:
    """List the keys of its members."""
    found, now = _found(set_id), clock.now()
    return {"items": list(islice(sets.keys(found, now), asked()["limit"])), "count": sets.count(found, now)}


@section.put("/object-sets/<int:set_id>/", needs=(P.OBJECTS_WRITE,), body=EDIT, answer=SET)
def edit(set_id: int) -> Json:
    """Change an object set."""
    found, given = _found(set_id), body()
    etags.check(_form(found))
    sets.edit(found, given, principal.actor, clock.now())
    return _form(found)


@section.delete("/object-sets/<int:set_id>/", needs=(P.OBJECTS_DELETE,))
def delete(set_id: int) -> None:
    """Delete an object set. Its objects stay."""
    sets.delete(_found(set_id), principal.actor, clock.now())


def _found(set_id: int) -> ObjectSet:
    return get_or_404(ObjectSet, id=set_id, deleted_at=None)


def _form(found: ObjectSet) -> Json:
    return {
        "id": found.id,
        "name": found.name,
        "type": found.type,
        "query": found.query,
        "picked": found.picked,
        "count": sets.count(found, clock.now()),
        "problem": sets.problem(found) or None,
        "organization": shapes.organization(found.organization_id),
        "created_at": clock.iso(found.created_at),
        "updated_at": clock.iso(found.updated_at),
    }
