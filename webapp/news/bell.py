"""How much is unread: the number on the bell. It is read from SQL once and kept in the broker until something changes,
so that the polls of pages, whose tags it is part of, need no SQL to know it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import g

from webapp import queue
from webapp.access.principal import Principal, principal
from webapp.db import db, system_scope
from webapp.language import _
from webapp.news.models import News

MOST = 100  # from here on nobody is told how much more
KEPT_SECONDS = 600  # should the word of a change be lost


def key(user_id: int | None) -> str:
    return f"muster:bell:{user_id}"


def count(who: Principal, kept: bytes | None = None) -> int:
    """`kept`: what the broker has said already."""
    kept = kept if kept is not None else queue.get(key(who.id))
    if kept is None:
        found = _counted(who)
        queue.put(key(who.id), found, KEPT_SECONDS)
        return found
    return int(kept)


def of_page() -> int:
    """For the header; the same within one answer."""
    if "bell" not in g:
        g.bell = count(principal)
    return int(g.bell)


def changed(user_ids: Iterable[int | None]) -> None:
    if keys := [key(user_id) for user_id in user_ids]:
        queue.after_commit(db.session, partial(queue.delete, *keys))


def shown(number: int) -> str:
    return "" if not number else "99+" if number >= MOST else str(number)


def label(number: int) -> str:
    return _("Notifications, %(count)s unread", count=shown(number)) if number else _("Notifications")


def news(number: int) -> dict[str, Any]:
    """For the header of an answer, from which the page's script turns the bell."""
    return {"news": {"n": shown(number), "label": label(number)}}


def _counted(who: Principal) -> int:
    """In all of their organisations, whichever is shown; not of the kinds that they have silenced."""
    unread = sa.select(News.id).where(
        News.user_id == who.id, News.read_at.is_(None),
        News.organization_id.in_(list(who.rights)), News.kind.not_in(who.prefs["muted"]),
    )  # fmt: skip
    with system_scope("the bell"):
        return db.session.scalar(sa.select(sa.func.count()).select_from(unread.limit(MOST).subquery())) or 0
