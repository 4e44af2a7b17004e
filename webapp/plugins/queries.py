"""What an organisation may use of the catalogue, and how it has set it up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from webapp.db import db, writing
from webapp.plugins import lifecycle
from webapp.plugins.catalogue import catalogue
from webapp.plugins.catalogue import find as find
from webapp.plugins.discovery import Plugin
from webapp.plugins.models import PluginSetting
from webapp.seal import Seal


def settings_of(plugin_id: str) -> PluginSetting | None:
    return db.session.scalar(sa.select(PluginSetting).where(PluginSetting.plugin_id == plugin_id))


# Made once: each task asks it.
SETTINGS_IN = sa.select(PluginSetting).where(
    PluginSetting.organization_id == sa.bindparam("organization"), PluginSetting.plugin_id == sa.bindparam("plugin")
)


def settings_in(plugin_id: str, organization_id: int) -> PluginSetting | None:
    return db.session.scalar(SETTINGS_IN, {"organization": organization_id, "plugin": plugin_id})


def enabled(plugin_id: str) -> bool:
    """In the organisation that a new task is to belong to."""
    row = settings_in(plugin_id, writing())
    return row is None or row.enabled


def switched_off() -> set[str]:
    return set(db.session.scalars(sa.select(PluginSetting.plugin_id).where(PluginSetting.enabled.is_(False))))


def off_in() -> dict[str, set[int]]:
    """Where each plugin is switched off."""
    rows = db.session.execute(
        sa.select(PluginSetting.plugin_id, PluginSetting.organization_id).where(PluginSetting.enabled.is_(False))
    )
    found: dict[str, set[int]] = {}
    for plugin_id, organization_id in rows:
        found.setdefault(plugin_id, set()).add(organization_id)
    return found


def matching(q: str) -> Sequence[Plugin]:
    """By name; the words may stand in its id, its description, or in what it takes and makes."""
    words = q.lower().split()
    found = [plugin for plugin in catalogue().plugins.values() if all(word in _said(plugin) for word in words)]
    return sorted(found, key=lambda plugin: plugin.manifest.name.lower())


def _said(plugin: Plugin) -> str:
    told = plugin.manifest
    return " ".join((told.id, told.name, told.description, *told.consumes, *told.produces)).lower()


def usable(executor: str = "worker") -> Sequence[Plugin]:
    """Those that a new task may choose, by name."""
    off = switched_off()
    found = [p for p in catalogue().plugins.values() if p.id not in off and executor in p.manifest.runs_on]
    return sorted(found, key=lambda plugin: plugin.manifest.name.lower())


class Setup(NamedTuple):
    """What a plugin is run with in one organisation; the secrets in plain text."""

    settings: dict[str, Any]
    secrets: dict[str, str]


def setup_of(plugin: Plugin, organization_id: int, seal: Seal) -> Setup:
    """The plugin's defaults under what the organisation has set. SealError when a secret cannot be opened."""
    row = settings_in(plugin.id, organization_id)
    defaults = {parameter.name: parameter.default for parameter in plugin.manifest.settings}
    return Setup(defaults | (row.settings if row else {}), lifecycle.secrets_of(row, seal))
