"""API tokens of the one who asks: scoped, expiring, shown once, revocable."""

from __future__ import annotations

from datetime import timedelta

from webapp import clock
from webapp.access import queries, tokens
from webapp.access.guards import choose_organization
from webapp.access.models import Token, User
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.db import db
from webapp.errors import Problem
from webapp.objects.values import FieldErrors
from webapp.rest import shapes
from webapp.rest.pages import list_of
from webapp.rest.reading import body
from webapp.rest.roles import granted
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Flag, Json, Many, Moment, Shape, Text, Whole
from webapp.tasks import duration

section = Section("tokens", "Tokens", "One's own keys for programs. A token is never worth more than its owner.")

TOKEN = answered(
    "Token",
    id=Whole(),
    name=Text(),
    permissions=Many(of=Text()),
    organization=Text(),
    created_at=Moment(),
    expires_at=Moment(null=True),
    used_at=Moment(null=True),
    revoked=Flag(),
)
FRESH_TOKEN = Shape(
    name="FreshToken",
    fields={**TOKEN.fields, "token": Text(required=True, about="What the program sends. It is shown this once.")},
)
NEW_TOKEN = Shape(name="NewToken", fields={
    "name": Text(required=True, longest=50, about="The program that will use it."),
    "permissions": Many(of=Text(choices=tuple(P)), required=True, least=1, about="Never more than this principal has itself."),
    "expires": Text(default="90d", about="How long it lives: 12h, 30d; a year at most."),
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip


@section.get("/tokens/", needs=(P.TOKENS_READ,), answer=list_of(TOKEN))
def index() -> Json:
    """List one's own tokens."""
    return {"items": [_form(token) for token in queries.own_tokens(principal.id or 0)], "next": None}


@section.post("/tokens/", needs=(P.TOKENS_CREATE,), body=NEW_TOKEN, answer=FRESH_TOKEN, status=201, secret=True)
def create() -> Answer:
    """Make a token."""
    given = body()
    organization_id = choose_organization(given.get("organization"), P.TOKENS_CREATE)
    permissions = granted(given["permissions"], organization_id)
    life = _life(given["expires"])
    owner, now = db.session.get_one(User, principal.id), clock.now()
    text = tokens.issue(owner, organization_id, given["name"].strip(), permissions, now + life, principal.actor, now)
    token = db.session.get_one(Token, int(text.removeprefix(tokens.PREFIX).partition("_")[0]))
    return Answer(_form(token) | {"token": text})


@section.delete("/tokens/<int:token_id>/", needs=(P.TOKENS_DELETE,))
def revoke(token_id: int) -> None:
    """Revoke one of one's own tokens. Its programs are refused at once."""
    token = next((each for each in queries.own_tokens(principal.id or 0) if each.id == token_id), None)
    if token is None:
        raise Problem(404, f"There is no token {token_id} of yours")
    choose_organization(str(token.organization_id), P.TOKENS_DELETE)
    tokens.revoke(token, principal.actor, clock.now())


def _life(text: str) -> timedelta:
    try:
        life = timedelta(seconds=duration.seconds(text))
    except (ValueError, OverflowError):
        raise FieldErrors([{"field": "expires", "message": "Enter a length like 12h or 30d"}]) from None
    if not timedelta(0) < life <= tokens.LONGEST:
        raise FieldErrors([{"field": "expires", "message": "Enter a length of at most 365d"}])
    return life


def _form(token: Token) -> Json:
    return {
        "id": token.id,
        "name": token.name,
        "permissions": sorted(token.permissions),
        "organization": shapes.organization(token.organization_id),
        "created_at": clock.iso(token.created_at),
        "expires_at": clock.iso(token.expires_at),
        "used_at": clock.iso(token.used_at),
        "revoked": token.revoked_at is not None,
    }
