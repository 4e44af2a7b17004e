"""Filters of the list under a name: one's own, or shared with the organisation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from webapp import events
from webapp.access.principal import Principal
from webapp.db import db
from webapp.events import Actor
from webapp.language import _
from webapp.refusal import Refused
from webapp.tasks.lists.models import SavedView

MOST = 50


View = sa.Row[int, int, str, str, bool, bool, str]  # a saved view as pages show it: these columns
COLUMNS = (
    SavedView.id, SavedView.user_id, SavedView.name, SavedView.query, SavedView.shared, SavedView.pinned, SavedView.created_by,
)  # fmt: skip
VISIBLE = (
    sa.select(*COLUMNS)
    .where(sa.or_(SavedView.user_id == sa.bindparam("user"), SavedView.shared))
    .order_by(SavedView.name, SavedView.id)
    .limit(MOST)
)
PINNED = VISIBLE.where(SavedView.pinned.is_(True))


def visible(who: Principal) -> Sequence[View]:
    """One's own, and those that others share."""
    return db.session.execute(VISIBLE, {"user": who.id}).all()


def pinned(who: Principal) -> Sequence[View]:
    """Those that stand in the menu of every page."""
    return db.session.execute(PINNED, {"user": who.id}).all()


def pinned_among(views: Sequence[View], who: Principal) -> Sequence[View]:
    """The same for a page that has read the visible ones: they are not asked for twice unless there are more."""
    return [view for view in views if view.pinned] if len(views) < MOST else pinned(who)


def save(
    name: str,
    query: str,
    shared: bool,
    organization_id: int,
    user_id: int,
    by: Actor,
    now: datetime,
    pinned: bool = False,
) -> SavedView:
    """Under a name that one has used before it takes the old one's place."""
    mine = (SavedView.organization_id == organization_id, SavedView.user_id == user_id)
    view = db.session.scalar(sa.select(SavedView).where(*mine, SavedView.name == name))
    if view is None:
        if (db.session.scalar(sa.select(sa.func.count()).select_from(SavedView).where(*mine)) or 0) >= MOST:
            raise Refused("views", _("You have %(most)s views. Delete one first", most=MOST))
        view = SavedView(
            organization_id=organization_id, user_id=user_id, name=name, created_at=now, created_by=by.name
        )
        db.session.add(view)
    view.query, view.shared, view.pinned = query, shared, pinned
    events.touch(organization_id)
    return view


def pin(view: SavedView, pinned: bool) -> None:
    view.pinned = pinned
    events.touch(view.organization_id)


def delete(view: SavedView) -> None:
    events.touch(view.organization_id)
    db.session.delete(view)
