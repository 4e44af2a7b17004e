"""Verbs on what an organisation has set up for a plugin. Secrets are sealed, and never shown again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp import events
from webapp.access import audit
from webapp.db import db
from webapp.events import Actor
from webapp.language import _
from webapp.plugins import parameters
from webapp.plugins.discovery import Plugin
from webapp.plugins.models import PluginSetting
from webapp.refusal import Refused
from webapp.seal import Place, Seal


def switch(plugin: Plugin, organization_id: int, on: bool, by: Actor, now: datetime) -> PluginSetting:
    """A plugin that is off takes no new task; those that wait already still run."""
    row = _row(plugin, organization_id)
    if row.enabled != on:
        row.enabled = on
        _note(row, "plugin.enable" if on else "plugin.disable", by, now)
    return row


def configure(
    plugin: Plugin,
    organization_id: int,
    given: Mapping[str, Any],
    seal: Seal,
    by: Actor,
    now: datetime,
    seen: int | None = None,
) -> PluginSetting:
    """Replaces the settings. A secret that is left out stays; null forgets it. FieldErrors names what cannot be used.

    `seen`: the version that the change was made to; Refused when there is a newer one.
    """
    row = _row(plugin, organization_id)
    if seen is not None and seen != row.version:
        raise Refused("stale", _("Somebody changed these settings meanwhile. Review them, then save again"))
    values = parameters.clean(plugin.manifest.settings, given, "settings")
    secret = {each.name for each in plugin.manifest.settings if each.type == "secret"}
    row.version = row.version + 1
    row.settings = {
        name: value for name, value in values.items() if name in given and name not in secret and value is not None
    }
    kept = {name: sealed for name, sealed in row.secrets.items() if name in secret and name not in given}
    row.secrets = kept | {
        name: _sealed(seal, row, name, values[name]) for name in secret if values.get(name) and name in given
    }
    _note(row, "plugin.configure", by, now, {"settings": row.settings, "secrets": sorted(row.secrets)})
    return row


def secrets_of(row: PluginSetting | None, seal: Seal) -> dict[str, str]:
    """In plain text, for the process that runs the plugin."""
    if row is None:
        return {}
    return {
        name: seal.unseal(kept["sealed"], _place(row, name, kept["version"])).decode()
        for name, kept in row.secrets.items()
    }


def _row(plugin: Plugin, organization_id: int) -> PluginSetting:
    """Locked, so that two edits come one after the other."""
    mine = sa.select(PluginSetting).where(PluginSetting.organization_id == organization_id)
    row = db.session.scalar(mine.where(PluginSetting.plugin_id == plugin.id).with_for_update())
    if row is None:
        row = PluginSetting(
            organization_id=organization_id, plugin_id=plugin.id, enabled=True, settings={}, secrets={}, version=1
        )
        db.session.add(row)
        db.session.flush()
    return row


def _sealed(seal: Seal, row: PluginSetting, name: str, value: str) -> dict[str, Any]:
    return {"sealed": seal.seal(value.encode(), _place(row, name, row.version)), "version": row.version}


def _place(row: PluginSetting, name: str, version: int) -> Place:
    return Place(row.organization_id, f"plugin {row.plugin_id} {name}", version)


def _note(row: PluginSetting, action: str, by: Actor, now: datetime, after: dict[str, Any] | None = None) -> None:
    row.updated_at = now
    db.session.flush()
    audit.record(row.organization_id, action, f"plugin {row.plugin_id}", by, now, after=after)
    events.touch(row.organization_id)
