"""Builds: the programs of a test, one for each platform and architecture. Their bytes never change."""

from __future__ import annotations

from typing import BinaryIO, cast

from flask import current_app, request

from webapp import clock
from webapp.access.guards import get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.db import db
from webapp.library import lifecycle
from webapp.library.manifest import ARCHES, MAX_SIZE, PLATFORMS
from webapp.library.models import Build
from webapp.library.signing import Signing
from webapp.objects.values import FieldErrors
from webapp.rest.reading import body
from webapp.rest.section import Answer, Section
from webapp.rest.tests import BUILD, build_form, found
from webapp.rest.values import Json, Shape, Text, Value, Whole, read_fields

section = Section(
    "builds", "Builds of tests", "A build is signed when it is handed out, and verified on the host before it starts."
)

SAID: dict[str, Value] = {
    "platform": Text(choices=PLATFORMS, about="Of a script; a program says it itself."),
    "arch": Text(choices=ARCHES, about="Of a script; a program says it itself."),
    "version": Whole(low=1, high=2**31 - 1, about="Default: the next one."),
    "sha256": Text(longest=64, about="What the file is meant to be: another one is refused."),
}
UPLOAD = Shape(fields={
    "file": Text(required=True, format="binary", about=f"ELF, Mach-O, PE, or a script with #!; {MAX_SIZE // 2**20} MB at most."),
    **SAID,
})  # fmt: skip
WHY = Shape(name="WhyRevoked", fields={"why": Text(longest=300, shortest=0, about="For those who wonder.")})


@section.post("/tests/<int:test_id>/builds/", needs=(P.LIBRARY_WRITE,), form=UPLOAD, answer=BUILD, status=201)
def upload(test_id: int) -> Answer:
    """Upload a build.

    As a form: `curl -F file=@smb-signing.exe …`. Where it runs is read from its first bytes.
    """
    test, given = found(test_id), _fields()
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise FieldErrors([{"field": "file", "message": "Send a file, as multipart/form-data"}])
    data = current_app.extensions["settings"].data
    build = lifecycle.upload(test, cast(BinaryIO, sent.stream), data, principal.actor, clock.now(), **given)
    return Answer(build_form(build), headers={"Location": f"/api/v1/builds/{build.uuid}/"})


@section.get("/builds/<build_id>/", needs=(P.LIBRARY_READ,), answer=BUILD)
def show(build_id: str) -> Json:
    """Fetch a build's facts."""
    return build_form(_build(build_id))


@section.post("/builds/<build_id>/enable", needs=(P.LIBRARY_WRITE,), answer=BUILD)
def enable(build_id: str) -> Json:
    """Let tasks run a build again."""
    build = _build(build_id, lock=True)
    lifecycle.enable(build, principal.actor, clock.now())
    return build_form(build)


@section.post("/builds/<build_id>/disable", needs=(P.LIBRARY_WRITE,), answer=BUILD)
def disable(build_id: str) -> Json:
    """Let no task run a build. Tasks that wait for it take another one, or fail and say so."""
    build = _build(build_id, lock=True)
    lifecycle.disable(build, principal.actor, clock.now())
    return build_form(build)


@section.post("/builds/<build_id>/promote", needs=(P.LIBRARY_WRITE,), answer=BUILD)
def promote(build_id: str) -> Json:
    """Make an earlier build the newest. It gets a new version, since hosts refuse a lower one than they ran."""
    build = _build(build_id, lock=True)
    lifecycle.promote(build, principal.actor, clock.now())
    return build_form(build)


@section.post("/builds/<build_id>/revoke", needs=(P.LIBRARY_WRITE,), body=WHY, answer=BUILD)
def revoke(build_id: str) -> Json:
    """Revoke a build. No host starts these bytes from its next heartbeat on. There is no way back."""
    build, why = _build(build_id, lock=True), body().get("why", "")
    signing = Signing(current_app.extensions["settings"].signing_key_file)
    lifecycle.revoke(build, signing, why, principal.actor, clock.now())
    return build_form(build)


@section.delete("/builds/<build_id>/", needs=(P.LIBRARY_WRITE,))
def delete(build_id: str) -> None:
    """Delete a build. What ran it keeps its history."""
    lifecycle.delete(_build(build_id, lock=True), principal.actor, clock.now())


def _build(build_id: str, *, lock: bool = False) -> Build:
    build = get_or_404(Build, uuid=build_id.lower(), deleted_at=None)
    if lock:
        db.session.refresh(build, with_for_update=True)
    return build


def _fields() -> Json:
    """In a form everything is text; what is left empty is not said."""
    errors, given = [], {}
    for name, text in request.form.items():
        try:
            if name in SAID and text.strip():
                given[name] = SAID[name].from_text(text.strip())
        except ValueError as wrong:
            errors.append({"field": name, "message": str(wrong)})
    strange = [name for name in request.form if name not in SAID]
    if errors:
        raise FieldErrors(errors)
    return read_fields(SAID, given | dict.fromkeys(strange))
