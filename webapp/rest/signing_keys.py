"""The installation's signing keys: hosts run nothing that none of them has signed. They are changed on the server
itself, with `muster signing-key`."""

from __future__ import annotations

from flask import current_app

from webapp import clock
from webapp.access.permissions import Permission as P
from webapp.library import trust
from webapp.library.signing import Signing
from webapp.rest.pages import list_of
from webapp.rest.section import Section
from webapp.rest.shapes import answered
from webapp.rest.values import Json, Moment, Text

section = Section("signing_keys", "Signing keys", "Changed on the server, with `muster signing-key`.")

KEY = answered(
    "SigningKey",
    id=Text(about="The beginning of its SHA-256."),
    status=Text(choices=("active", "retiring", "revoked"), about="`retiring`: it signs no more and is still believed."),
    since=Moment(),
    public=Text(about="The Ed25519 public key, as hexadecimal digits."),
)


@section.get("/signing-keys/", needs=(P.LIBRARY_READ,), answer=list_of(KEY))
def index() -> Json:
    """List the signing keys."""
    keys = trust.keys(Signing(current_app.extensions["settings"].signing_key_file).trust(clock.now()))
    items = [{"id": name} | {fact: key[fact] for fact in ("status", "since", "public")} for name, key in keys.items()]
    return {"items": items, "next": None}
