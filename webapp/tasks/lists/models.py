"""Saved views."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigKey, OrgScoped


class SavedView(OrgScoped, Base):
    """A filter of the list under a name: of one person, or shared with the organisation."""

    __tablename__ = "saved_view"
    __table_args__ = (sa.UniqueConstraint("organization_id", "user_id", "name"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(60))
    query: Mapped[str] = mapped_column(sa.String(2000))
    shared: Mapped[bool] = mapped_column(default=False)
    pinned: Mapped[bool] = mapped_column(default=False)  # stands in the menu of all who see it
    created_by: Mapped[str] = mapped_column(sa.String(120))
    created_at: Mapped[datetime]
