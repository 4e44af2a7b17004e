"""A person's news, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from webapp.db import db
from webapp.news.models import News


@dataclass(frozen=True)
class Page:
    items: Sequence[News]
    older: int | None  # the last one on it, when there are more


def page(user_id: int | None, per: int, after: int | None = None) -> Page:
    mine = sa.select(News).where(News.user_id == user_id).order_by(News.at.desc(), News.id.desc())
    if after is not None and (
        last := db.session.scalar(sa.select(News).where(News.user_id == user_id, News.id == after))
    ):
        mine = mine.where(sa.or_(News.at < last.at, sa.and_(News.at == last.at, News.id < last.id)))
    found = db.session.scalars(mine.limit(per + 1)).all()
    return Page(found[:per], found[per - 1].id if len(found) > per else None)
