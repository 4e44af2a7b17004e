"""Concurrency limits: at most so many tasks that carry a name run at once."""

from __future__ import annotations

import re

from webapp import clock
from webapp.access.guards import choose_organization, get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.objects.values import FieldErrors
from webapp.rest import etags, shapes
from webapp.rest.pages import PAGE, list_of, oldest_first
from webapp.rest.reading import asked, body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Json, Shape, Text, Value, Whole
from webapp.tasks import limits
from webapp.tasks.models import Limit

section = Section("limits", "Limits", "A task whose options name a limit waits while as many others that name it run.")

NAME = re.compile(r"[\w.:-]{1,64}")
LIMIT = answered("Limit", name=Text(), max=Whole(), organization=Text())
MAX = Whole(required=True, low=1, high=1_000_000, about="How many may run at once.")
NEW_LIMIT = Shape(name="NewLimit", fields={
    "name": Text(required=True, longest=64),
    "max": MAX,
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip
NEW_MAX = Shape(name="NewMax", fields={"max": MAX})
WHERE: dict[str, Value] = {"organization": Text(about="Where several organizations have one of this name.")}


@section.get("/limits/", needs=(P.SETTINGS_READ,), query=PAGE, answer=list_of(LIMIT))
def index() -> Answer:
    """List the limits."""
    return oldest_first(limits.listed(), Limit.id, _form)


@section.post("/limits/", needs=(P.SETTINGS_WRITE,), body=NEW_LIMIT, answer=LIMIT, status=201)
def create() -> Answer:
    """Make a limit."""
    given = body()
    if not NAME.fullmatch(given["name"]):
        raise FieldErrors([{"field": "name", "message": "Use letters, digits and . _ : -"}])
    organization_id = choose_organization(given.get("organization"), P.SETTINGS_WRITE)
    limit = limits.create(organization_id, given["name"], given["max"], principal.actor, clock.now())
    return Answer(_form(limit), headers={"Location": f"/api/v1/limits/{limit.name}/"})


@section.get("/limits/<limit_name>/", needs=(P.SETTINGS_READ,), query=WHERE, answer=LIMIT)
def show(limit_name: str) -> Json:
    """Fetch a limit."""
    return _form(_limit(limit_name))


@section.put("/limits/<limit_name>/", needs=(P.SETTINGS_WRITE,), query=WHERE, body=NEW_MAX, answer=LIMIT)
def edit(limit_name: str) -> Json:
    """Change how many may run at once. Those that run go on."""
    limit = _limit(limit_name, lock=True)
    maximum = body()["max"]
    etags.check(_form(limit))
    limits.edit(limit, maximum, principal.actor, clock.now())
    return _form(limit)


@section.delete("/limits/<limit_name>/", needs=(P.SETTINGS_WRITE,), query=WHERE)
def delete(limit_name: str) -> None:
    """Delete a limit. What named it waits for nothing more."""
    limit = _limit(limit_name, lock=True)
    etags.check(_form(limit))
    limits.delete(limit, principal.actor, clock.now())


def _limit(name: str, *, lock: bool = False) -> Limit:
    where = asked().get("organization")
    found = [
        limit for limit in limits.named(name, lock=lock) if where in (None, shapes.organization(limit.organization_id))
    ]
    if len(found) > 1:
        raise FieldErrors([{"field": "organization", "message": "Choose an organization"}])
    return get_or_404(Limit, id=found[0].id if found else 0)


def _form(limit: Limit) -> Json:
    return {"name": limit.name, "max": limit.maximum, "organization": shapes.organization(limit.organization_id)}
