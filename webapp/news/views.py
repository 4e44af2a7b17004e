"""What waits for a person: looked through, marked as read, and which kinds ring."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from webapp import clock, htmx
from webapp.access import audit
from webapp.access import lifecycle as accounts
from webapp.access.guards import requires
from webapp.access.models import User
from webapp.access.principal import principal
from webapp.db import db, scope_to
from webapp.language import _
from webapp.news import bell, lifecycle, queries
from webapp.news.kinds import LOOKS
from webapp.news.models import News

bp = Blueprint("news", __name__, url_prefix="/me/notifications")

PER = 50


@bp.get("/")
@requires(person=True)
def index() -> Response:
    page = htmx.page("news/index.html", "news/_list.html", **_context(_number(request.args.get("after"))))
    return htmx.tell_more(page, bell.news(bell.count(principal))) if htmx.wanted() else page


@bp.post("/read")
@requires(person=True)
def read() -> Response:
    """The one that is named, or all."""
    named = request.form.get("id")
    _everywhere()
    lifecycle.read(principal.id, clock.now(), *([News.id == _number(named)] if named else []))
    return _done("" if named else _("All are read"))


@bp.post("/kinds")
@requires(person=True)
def choose_kinds() -> Response:
    """Those that are ticked ring; the others wait in the list in silence."""
    rings = request.form.getlist("kind")
    muted = [str(kind) for kind in LOOKS if kind not in rings]
    accounts.prefer(db.session.get_one(User, principal.id), {"muted": muted})
    bell.changed([principal.id])
    return _done(_("Saved"))


def _number(text: str | None) -> int | None:
    """None for what no row can have."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _done(text: str) -> Response:
    audit.unremarkable()
    db.session.commit()
    return htmx.changed(None, "/me/notifications", text, refresh="news")


def _context(after: int | None) -> dict[str, Any]:
    _everywhere()
    organizations = {org.id: org.name for org in principal.orgs}
    page = queries.page(principal.id, PER, after)
    return {"page": page, "after": after, "kinds": LOOKS, "organizations": organizations}


def _everywhere() -> None:
    """News is a person's, whichever organisation the pages show."""
    scope_to(frozenset(principal.rights))
