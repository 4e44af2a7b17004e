"""What an organisation may use of the catalogue, and how it has set it up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from webapp.db import db, writing
from webapp.plugins.catalogue import catalogue
from webapp.plugins.catalogue import find as find
from webapp.plugins.discovery import Plugin
from webapp.plugins.models import PluginSetting


def settings_of(plugin_id: str) -> PluginSetting | None:
    return db.session.scalar(sa.select(PluginSetting).where(PluginSetting.plugin_id == plugin_id))


def settings_in(plugin_id: str, organization_id: int) -> PluginSetting | None:
    mine = sa.select(PluginSetting).where(PluginSetting.organization_id == organization_id)
    return db.session.scalar(mine.where(PluginSetting.plugin_id == plugin_id))


def enabled(plugin_id: str) -> bool:
    """In the organisation that a new task is to belong to."""
    row = settings_in(plugin_id, writing())
    return row is None or row.enabled


def switched_off() -> set[str]:
    return set(db.session.scalars(sa.select(PluginSetting.plugin_id).where(PluginSetting.enabled.is_(False))))


def usable(executor: str = "worker") -> Sequence[Plugin]:
    """Those that a new task may choose, by name."""
    off = switched_off()
    found = [p for p in catalogue().plugins.values() if p.id not in off and executor in p.manifest.runs_on]
    return sorted(found, key=lambda plugin: plugin.manifest.name.lower())


def effective_settings(plugin: Plugin, organization_id: int) -> dict[str, Any]:
    """The plugin's defaults under what the organisation has set. Secrets are added where the task runs."""
    row = settings_in(plugin.id, organization_id)
    defaults = {parameter.name: parameter.default for parameter in plugin.manifest.settings}
    return defaults | (row.settings if row else {})
