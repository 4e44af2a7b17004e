"""Plugins: what can be run, and what an organisation has set up for each."""

from __future__ import annotations

from flask import current_app

from webapp import clock
from webapp.access.guards import choose_organization
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.errors import Problem
from webapp.plugins import catalogue, lifecycle, queries, schema
from webapp.plugins.discovery import Plugin
from webapp.plugins.models import PluginSetting
from webapp.rest import etags
from webapp.rest.pages import list_of
from webapp.rest.reading import asked, body
from webapp.rest.section import Section
from webapp.rest.shapes import answered
from webapp.rest.values import Flag, Json, Many, Named, Shape, Text, Value, Whole
from webapp.seal import Seal
from webapp.tasks.spec import unknown

section = Section(
    "plugins", "Plugins", "Code that tasks run. Whatever is in the plugins folder of the server is here within seconds."
)

PLUGIN = answered(
    "Plugin",
    id=Text(),
    name=Text(),
    description=Text(),
    version=Text(),
    consumes=Many(of=Text(), about="Types of input; `file:<type>` for files."),
    produces=Many(of=Text(), about="Types of objects and files."),
    runs_on=Many(of=Text(choices=("worker", "agent"))),
    actions=Many(of=Text()),
    parameters=Many(of=Named(), about="Name, type, default, help … of each."),
    settings=Many(of=Named(), about="What an organization can set."),
    timeout=Whole(about="Seconds."),
    enabled=Flag(about="In the organization of the token."),
    schema=Named(about="JSON Schema of a task's `data`."),
)
BROKEN = answered("BrokenPlugin", location=Text(), error=Text())
CATALOGUE = Shape(
    fields={**list_of(PLUGIN).fields, "broken": Many(of=BROKEN, required=True, about="Files that cannot be used.")}
)
SETTINGS = answered(
    "PluginSettings",
    enabled=Flag(),
    settings=Named(about="What the organization has set; the rest has its default."),
    secrets=Many(of=Text(), about="Names of the secrets that are set. They are never shown."),
    version=Whole(),
)
NEW_SETTINGS = Shape(name="NewPluginSettings", fields={
    "settings": Named(required=True, about="All of them: one that is left out gets its default. A secret that is left out stays; null forgets it."),
})  # fmt: skip
FILTERS: dict[str, Value] = {"q": Text(about="Words of its name, its description, or of what it takes and makes.")}
WHERE: dict[str, Value] = {"organization": Text(about="Short name or id. Default: the token's own.")}


@section.get("/plugins/", needs=(P.PLUGINS_READ,), query=FILTERS, answer=CATALOGUE)
def index() -> Json:
    """List the plugins."""
    found, matching = catalogue.catalogue(), queries.matching(asked().get("q", ""))
    off = queries.switched_off()
    items = [_form(plugin, plugin.id not in off) for plugin in sorted(matching, key=lambda each: each.id)]
    broken = [{"location": each.location.rpartition("/")[2], "error": each.error} for each in found.broken]
    return {"items": items, "next": None, "broken": broken}


@section.get("/plugins/<plugin_id>/", needs=(P.PLUGINS_READ,), answer=PLUGIN)
def show(plugin_id: str) -> Json:
    """Fetch a plugin's description."""
    plugin = _plugin(plugin_id)
    return _form(plugin, plugin.id not in queries.switched_off())


@section.get("/plugins/<plugin_id>/settings", needs=(P.PLUGINS_READ,), query=WHERE, answer=SETTINGS)
def settings(plugin_id: str) -> Json:
    """Fetch what an organization has set up for a plugin."""
    plugin = _plugin(plugin_id)
    return _settings(queries.settings_in(plugin.id, _where(P.PLUGINS_READ)))


@section.put("/plugins/<plugin_id>/settings", needs=(P.PLUGINS_WRITE,), query=WHERE, body=NEW_SETTINGS, answer=SETTINGS)
def configure(plugin_id: str) -> Json:
    """Replace the settings of a plugin."""
    plugin, organization_id = _plugin(plugin_id), _where(P.PLUGINS_WRITE)
    given = body()["settings"]
    etags.check(_settings(queries.settings_in(plugin.id, organization_id)))
    seal = Seal(current_app.extensions["settings"].secrets_key_file)
    return _settings(lifecycle.configure(plugin, organization_id, given, seal, principal.actor, clock.now()))


@section.post("/plugins/<plugin_id>/enable", needs=(P.PLUGINS_WRITE,), query=WHERE, answer=SETTINGS)
def enable(plugin_id: str) -> Json:
    """Let new tasks use a plugin."""
    return _switch(plugin_id, True)


@section.post("/plugins/<plugin_id>/disable", needs=(P.PLUGINS_WRITE,), query=WHERE, answer=SETTINGS)
def disable(plugin_id: str) -> Json:
    """Let no new task use a plugin. Those that wait already still run."""
    return _switch(plugin_id, False)


def _switch(plugin_id: str, on: bool) -> Json:
    plugin, organization_id = _plugin(plugin_id), _where(P.PLUGINS_WRITE)
    return _settings(lifecycle.switch(plugin, organization_id, on, principal.actor, clock.now()))


def _plugin(plugin_id: str) -> Plugin:
    plugin = catalogue.find(plugin_id)
    if plugin is None:
        raise Problem(404, unknown(plugin_id[:80], catalogue.catalogue().plugins).replace("field", "plugin", 1))
    return plugin


def _where(permission: P) -> int:
    return choose_organization(asked().get("organization"), permission)


def _form(plugin: Plugin, enabled: bool) -> Json:
    told = plugin.manifest.to_json()
    names = (
        "id",
        "name",
        "description",
        "version",
        "consumes",
        "produces",
        "runs_on",
        "actions",
        "parameters",
        "settings",
        "timeout",
    )
    return {name: told[name] for name in names} | {"enabled": enabled, "schema": schema.call_schema(plugin.manifest)}


def _settings(row: PluginSetting | None) -> Json:
    if row is None:
        return {"enabled": True, "settings": {}, "secrets": [], "version": 0}
    return {"enabled": row.enabled, "settings": row.settings, "secrets": sorted(row.secrets), "version": row.version}
