"""API tokens that are about to end: told to their owners a week before."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp.access.models import Token
from webapp.bulk import insert_new
from webapp.db import db
from webapp.news import bell
from webapp.news.kinds import Kind
from webapp.news.lifecycle import item
from webapp.news.models import News

SOON = timedelta(days=7)


def tell(now: datetime) -> int:
    """Once for each; for the caretaker."""
    ending = sa.select(Token).where(Token.expires_at > now, Token.expires_at <= now + SOON, Token.revoked_at.is_(None))
    items = [
        item(token.organization_id, token.user_id, Kind.TOKEN, token.id,
             f"The API token {token.name} ends on {token.expires_at:%d %B %Y}", "/me/tokens", now)
        for token in db.session.scalars(ending)
    ]  # fmt: skip
    told = insert_new(News, items, ["user_id", "kind", "subject_id"]) if items else 0
    bell.changed({each["user_id"] for each in items} if told else ())
    return told
