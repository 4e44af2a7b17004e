"""News is told to somebody, read, taken back and forgotten. Those whom it concerns see it on their bell."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from webapp.bulk import upsert
from webapp.db import db, writing_to
from webapp.news import bell
from webapp.news.kinds import Kind
from webapp.news.models import News

KEPT = timedelta(days=90)
LONGEST = 300
QUIETLY = {"synchronize_session": False}


def item(
    organization_id: int, user_id: int, kind: Kind, subject_id: int, text: str, href: str, now: datetime
) -> dict[str, Any]:
    line = " ".join(text.split())
    short = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    return {"organization_id": organization_id, "user_id": user_id, "kind": kind, "subject_id": subject_id,
            "text": short, "href": href, "at": now, "read_at": None}  # fmt: skip


def tell(items: Iterable[dict[str, Any]]) -> None:
    """Of something that was told before, what is told now: it is unread again."""
    items = list(items)
    for organization_id in {each["organization_id"] for each in items}:
        with writing_to(organization_id):
            mine = [each for each in items if each["organization_id"] == organization_id]
            upsert(News, mine, ["user_id", "kind", "subject_id"], ["text", "href", "at", "read_at"])
    bell.changed({each["user_id"] for each in items})


def read(user_id: int | None, now: datetime, *which: sa.ColumnElement[bool]) -> None:
    """All of somebody's, or some of it."""
    unread = sa.update(News).where(News.user_id == user_id, News.read_at.is_(None), *which)
    db.session.execute(unread.values(read_at=now), execution_options=QUIETLY)
    bell.changed([user_id])


def take_back(kind: Kind, subject_id: int, user_ids: Collection[int]) -> None:
    """It does not concern these people any more."""
    if not user_ids:
        return
    about = sa.delete(News).where(News.user_id.in_(user_ids), News.kind == kind, News.subject_id == subject_id)
    db.session.execute(about, execution_options=QUIETLY)
    bell.changed(user_ids)


def forget_old(now: datetime) -> int:
    """For the caretaker."""
    gone = db.session.execute(sa.delete(News).where(News.at < now - KEPT), execution_options=QUIETLY)
    return int(gone.rowcount)  # type: ignore[attr-defined]
