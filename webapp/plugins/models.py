"""Which plugins an organisation uses, and its settings for each. The code itself is found on disk."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigKey, OrgScoped


class PluginSetting(OrgScoped, Base):
    """No row: enabled, with the plugin's own defaults. `secrets` are sealed."""

    __tablename__ = "plugin_setting"
    __table_args__ = (sa.UniqueConstraint("organization_id", "plugin_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    plugin_id: Mapped[str] = mapped_column(sa.String(64))
    enabled: Mapped[bool] = mapped_column(default=True)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    secrets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime | None]
