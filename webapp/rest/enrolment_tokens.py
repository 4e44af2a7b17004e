"""Enrolment tokens: what lets hosts in, so many and so long."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from webapp import clock
from webapp.access.guards import choose_organization, get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.agents import enrolment, lifecycle
from webapp.agents.models import EnrolmentToken
from webapp.objects.values import FieldErrors
from webapp.refusal import Refused
from webapp.rest import shapes
from webapp.rest.pages import PAGE, list_of, newest_first
from webapp.rest.reading import body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Flag, Json, Many, Moment, Shape, Text, Whole
from webapp.tasks import duration

section = Section("enrolment_tokens", "Enrolment tokens", "A token lets so many hosts in until it expires.")

TAGS = Many(of=Text(longest=64), most=lifecycle.MOST_TAGS, about="Every host that comes in with it gets these.")
TOKEN = answered(
    "EnrolmentToken",
    id=Text(about="The part of the token that is no secret."),
    status=Text(choices=("active", "used", "expired", "revoked")),
    note=Text(),
    tags=TAGS,
    network=Text(about="From where it may be used; empty: from everywhere."),
    approval=Flag(about="Who comes in with it waits until somebody approves."),
    uses=Whole(),
    max_uses=Whole(),
    created_at=Moment(),
    created_by=Text(),
    expires_at=Moment(),
    used_at=Moment(null=True),
    revoked_at=Moment(null=True),
    organization=Text(),
)
FRESH = Shape(
    name="FreshEnrolmentToken",
    fields={**TOKEN.fields, "token": Text(required=True, about="What the host sends. It is shown this once.")},
)
NEW = Shape(name="NewEnrolmentToken", fields={
    "tags": TAGS,
    "max_uses": Whole(low=1, high=enrolment.MOST_USES, default=1, about="How many hosts it lets in."),
    "expires": Text(default="1h", longest=40, about="How long it lives: 15m, 12h, 7d; 30 days at most."),
    "note": Text(longest=300, shortest=0, about="What it is for."),
    "approval": Flag(default=False, about="Who comes in with it waits until somebody approves."),
    "network": Text(longest=64, shortest=0, about="From where it may be used.", example="10.0.0.0/8"),
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip


@section.get("/enrolment-tokens/", needs=(P.TOKENS_READ,), query=PAGE, answer=list_of(TOKEN))
def index() -> Answer:
    """List enrolment tokens, newest first."""
    return newest_first(sa.select(EnrolmentToken), EnrolmentToken.id, _form)


@section.post("/enrolment-tokens/", needs=(P.TOKENS_CREATE,), body=NEW, answer=FRESH, status=201, secret=True)
def create() -> Answer:
    """Make an enrolment token."""
    given, now = body(), clock.now()
    organization_id = choose_organization(given.get("organization"), P.TOKENS_CREATE)
    facts = {name: given[name] for name in ("tags", "max_uses", "note", "network", "approval") if name in given}
    life = _life(given["expires"])
    try:
        text, token = enrolment.create_token(organization_id, principal.actor, now, expires_in=life, **facts)
    except Refused as refusal:  # the words of its refusals are the names of fields
        field = {"tag": "tags", "expires_in": "expires"}.get(refusal.code, refusal.code)
        raise FieldErrors([{"field": field, "message": refusal.text}]) from None
    return Answer(_form(token) | {"token": text}, headers={"Location": f"/api/v1/enrolment-tokens/{token.key}/"})


@section.get("/enrolment-tokens/<key>/", needs=(P.TOKENS_READ,), answer=TOKEN)
def show(key: str) -> Json:
    """Fetch what is known of an enrolment token."""
    return _form(get_or_404(EnrolmentToken, key=key))


@section.delete("/enrolment-tokens/<key>/", needs=(P.TOKENS_DELETE,))
def revoke(key: str) -> None:
    """Revoke an enrolment token. It lets nobody in any more; who came in with it stays."""
    enrolment.revoke_token(get_or_404(EnrolmentToken, key=key), principal.actor, clock.now())


def _life(text: str) -> timedelta:
    try:
        return timedelta(seconds=duration.seconds(text))
    except (ValueError, OverflowError):
        raise FieldErrors([{"field": "expires", "message": "Enter a length like 15m, 12h or 7d"}]) from None


def _form(token: EnrolmentToken) -> Json:
    names = ("note", "tags", "network", "approval", "uses", "max_uses", "created_by")
    times = ("created_at", "expires_at", "used_at", "revoked_at")
    return {
        "id": token.key,
        "status": token.status(clock.now()),
        **{name: getattr(token, name) for name in names},
        **{name: clock.iso(getattr(token, name)) for name in times},
        "organization": shapes.organization(token.organization_id),
    }
