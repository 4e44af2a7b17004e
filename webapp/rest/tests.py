"""The library: what can be tested on hosts."""

from __future__ import annotations

from typing import Any

from webapp import clock
from webapp.access.guards import choose_organization, get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.db import db
from webapp.library import lifecycle, queries
from webapp.library.manifest import ARCHES, PLATFORMS
from webapp.library.models import Build, Test
from webapp.library.queries import Filter
from webapp.rest import etags, shapes
from webapp.rest.pages import PAGE, list_of, newest_first
from webapp.rest.reading import asked, body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Flag, Json, Many, Moment, Shape, Text, Value, Whole

section = Section(
    "tests", "Test library", "Programs that ask one question about a host's defences; tasks name them by slug."
)

BUILD = answered(
    "Build",
    id=Text(format="uuid"),
    platform=Text(choices=PLATFORMS),
    arch=Text(choices=ARCHES),
    version=Whole(),
    sha256=Text(),
    size=Whole(about="Bytes."),
    min_agent=Text(about="The oldest agent that may run it."),
    enabled=Flag(),
    revoked_at=Moment(null=True, about="Since when no host starts it."),
    revoked_why=Text(),
    created_at=Moment(),
    created_by=Text(),
)
TEST = answered(
    "Test",
    id=Whole(),
    slug=Text(about="What tasks call it."),
    name=Text(),
    description=Text(),
    technique=Text(),
    requires=Many(of=Text(), about="The integrations that it needs."),
    enabled=Flag(),
    retired=Flag(about="It is out of the library; what ran it keeps its history."),
    version=Whole(about="Of its newest build that can run; 0 without one."),
    platforms=Many(of=Text(), about="Where it can run, such as linux/amd64."),
    builds=Many(of=BUILD, about="Newest first."),
    organization=Text(),
    created_at=Moment(),
    created_by=Text(),
    updated_at=Moment(),
)
SAID: dict[str, Value] = {
    "name": Text(longest=200),
    "description": Text(longest=4_000, shortest=0),
    "technique": Text(longest=64, shortest=0, about="Such as T1059.004."),
    "requires": Many(of=Text(longest=64), most=20),
}
NEW = Shape(name="NewTest", fields={
    "slug": Text(required=True, longest=100, example="smb-signing", about="Stays as it is."),
    **SAID,
    "name": Text(required=True, longest=200),
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip
EDIT = Shape(name="EditTest", about="What is left out stays as it is.", fields=SAID)
FILTERS: dict[str, Value] = {
    "q": Text(about="A part of name, slug or technique."),
    "slug": Text(),
    "platform": Text(choices=PLATFORMS),
    "technique": Text(),
    "enabled": Flag(),
    "retired": Flag(about="Those that were retired, and no others."),
}


@section.get("/tests/", needs=(P.LIBRARY_READ,), query=FILTERS | PAGE, answer=list_of(TEST))
def index() -> Answer:
    """List tests, newest first."""
    wanted = asked()
    chosen = Filter(**{name: wanted[name] for name in FILTERS if name in wanted})
    return newest_first(queries.where(chosen), Test.id, form)


@section.post("/tests/", needs=(P.LIBRARY_WRITE,), body=NEW, answer=TEST, status=201)
def create() -> Answer:
    """Add a test. Its programs are uploaded as builds."""
    given = body()
    organization_id = choose_organization(given.pop("organization", None), P.LIBRARY_WRITE)
    slug, name = given.pop("slug"), given.pop("name")
    test = lifecycle.add_test(organization_id, slug, name, principal.actor, clock.now(), **given)
    return Answer(form(test), headers={"Location": f"/api/v1/tests/{test.id}/"})


@section.get("/tests/<int:test_id>/", needs=(P.LIBRARY_READ,), answer=TEST)
def show(test_id: int) -> Json:
    """Fetch a test with its builds."""
    return form(found(test_id))


@section.put("/tests/<int:test_id>/", needs=(P.LIBRARY_WRITE,), body=EDIT, answer=TEST)
def edit(test_id: int) -> Json:
    """Change what is said of a test."""
    test, given = found(test_id, lock=True), body()
    etags.check(form(test))
    same: dict[str, Any] = {name: getattr(test, name) for name in SAID}
    lifecycle.edit(test, principal.actor, clock.now(), **same | given)
    return form(test)


@section.delete("/tests/<int:test_id>/", needs=(P.LIBRARY_WRITE,))
def retire(test_id: int) -> None:
    """Retire a test. Nothing new can run it; what ran keeps its history."""
    test = found(test_id, lock=True)
    etags.check(form(test))
    lifecycle.retire(test, principal.actor, clock.now())


@section.post("/tests/<int:test_id>/restore", needs=(P.LIBRARY_WRITE,), answer=TEST)
def restore(test_id: int) -> Json:
    """Take a retired test back into the library."""
    test = get_or_404(Test, id=test_id)
    db.session.refresh(test, with_for_update=True)
    lifecycle.restore(test, principal.actor, clock.now())
    return form(test)


@section.post("/tests/<int:test_id>/enable", needs=(P.LIBRARY_WRITE,), answer=TEST)
def enable(test_id: int) -> Json:
    """Let new tasks choose a test."""
    test = found(test_id, lock=True)
    lifecycle.enable(test, principal.actor, clock.now())
    return form(test)


@section.post("/tests/<int:test_id>/disable", needs=(P.LIBRARY_WRITE,), answer=TEST)
def disable(test_id: int) -> Json:
    """Let no new task choose a test."""
    test = found(test_id, lock=True)
    lifecycle.disable(test, principal.actor, clock.now())
    return form(test)


def found(test_id: int, *, lock: bool = False) -> Test:
    test = get_or_404(Test, id=test_id, deleted_at=None)
    if lock:
        db.session.refresh(test, with_for_update=True)
    return test


def form(test: Test) -> Json:
    names = ("id", "slug", "name", "description", "technique", "requires", "enabled", "retired", "version")
    return {
        **{name: getattr(test, name) for name in names},
        "platforms": test.platforms,
        "builds": [build_form(build) for build in test.builds if build.deleted_at is None],
        "organization": shapes.organization(test.organization_id),
        "created_at": clock.iso(test.created_at),
        "created_by": test.created_by,
        "updated_at": clock.iso(test.updated_at),
    }


def build_form(build: Build) -> Json:
    names = ("platform", "arch", "version", "sha256", "size", "min_agent", "enabled", "revoked_why", "created_by")
    return {
        "id": build.uuid,
        **{name: getattr(build, name) for name in names},
        "revoked_at": clock.iso(build.revoked_at),
        "created_at": clock.iso(build.created_at),
    }
