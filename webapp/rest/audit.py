"""The audit log: what people and tokens did."""

from __future__ import annotations

from webapp import clock
from webapp.access import queries
from webapp.access.models import Audit
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.rest import shapes
from webapp.rest.pages import PAGE, list_of, listed, start
from webapp.rest.reading import asked
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Json, Moment, Named, Text, Value, Whole

section = Section("audit", "Audit log", "Append-only; the entries of an organization are chained by hashes.")

ENTRY = answered(
    "AuditEntry",
    at=Moment(),
    organization=Text(null=True),
    seq=Whole(null=True, about="Its number in the chain; null until it is chained, a moment later."),
    actor_kind=Text(),
    actor=Text(),
    ip=Text(),
    action=Text(),
    object=Text(),
    before=Named(null=True),
    after=Named(null=True),
    hash=Text(null=True),
)
FILTERS: dict[str, Value] = {
    "q": Text(about="A part of action, object, person or address."),
    "actor": Text(),
    "action": Text(about="`user` means all that begin with `user.`, too."),
    "since": Moment(),
    "until": Moment(),
}


@section.get("/audit/", needs=(P.AUDIT_READ,), query=FILTERS | PAGE, answer=list_of(ENTRY))
def index() -> Answer:
    """List what was done, newest first."""
    filters = {name: asked()[name] for name in FILTERS if name in asked()}
    begin = start()
    everything = principal.superadmin and principal.current_org is None
    rows, older = queries.audit_page(filters, begin[0] if begin else None, asked()["limit"], everything)
    return listed([_form(row) for row in rows], (older,) if older else None)


def _form(row: Audit) -> Json:
    return {
        "at": clock.iso(row.at),
        "organization": shapes.organization(row.organization_id) if row.organization_id else None,
        "seq": row.seq,
        "actor_kind": row.actor_kind,
        "actor": row.actor,
        "ip": row.ip,
        "action": row.action,
        "object": row.object,
        "before": row.before,
        "after": row.after,
        "hash": row.hash,
    }
