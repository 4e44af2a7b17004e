"""The form that would make a spec, for editing a schedule or running a task again with changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from werkzeug.datastructures import MultiDict

from webapp.agents import picker
from webapp.agents import queries as agents
from webapp.plugins import queries as plugins
from webapp.plugins.discovery import Plugin
from webapp.tasks import asked
from webapp.tasks.spec import AGENTS, ALL, ANYONE, NO_TARGET, OBJECT_SET, TAGS, Spec, Target, parse

Fields = MultiDict[str, str]


def fields(spec: Spec, organization_id: int) -> Fields | None:
    """None when something in the spec has no field: what the form would send must be the same spec again."""
    spec = _present(spec, organization_id)
    plugin = plugins.find(str(spec.data.get("plugin_id")))
    try:
        found = MultiDict([("kind", spec.type), *_data(spec, plugin), *_target(spec), *_options(spec)])
        again = parse(asked.body(found, spec.type, picker.chosen(found)))
    except (ValueError, TypeError, AttributeError, LookupError):
        return None
    same = spec.type in asked.KINDS and _plain(again, plugin) == _plain(spec, plugin)
    return found if same else None


def _present(spec: Spec, organization_id: int) -> Spec:
    """Agents by the ids that the form ticks; those that have gone have no box any more."""
    if spec.target.kind != AGENTS:
        return spec
    found, _ = agents.named(spec.target.names, organization_id)
    return replace(spec, target=Target(AGENTS, tuple(agent.uuid for agent in found)))


def _plain(spec: Spec, plugin: Plugin | None) -> tuple[dict[str, Any], Target, Any]:
    """What is meant, however it was written down: without what is empty or as by default."""
    data = {name: value for name, value in spec.data.items() if value not in (None, "", [], {})}
    if data.get("action") == "run":
        del data["action"]
    if isinstance(data.get("input_data"), str):
        data["input_data"] = [data["input_data"]]
    if plugin and isinstance(data.get("kwargs"), Mapping):
        defaults = {p.name: p.default for p in plugin.manifest.parameters}
        chosen = {name: value for name, value in data.pop("kwargs").items() if value != defaults.get(name)}
        data |= {"kwargs": chosen} if chosen else {}
    return data, spec.target, spec.options


def _data(spec: Spec, plugin: Plugin | None) -> list[tuple[str, str]]:
    data = spec.data
    if spec.type == asked.COMMAND:
        return [("command", data["command"])]
    if spec.type == asked.TEST:
        words = [(name, data.get(name) or "") for name in ("test", "platform", "arch")]
        return [*words, ("arguments", asked.join(data.get("arguments") or []))]
    if plugin is None or any(p.type == "secret" for p in plugin.manifest.parameters):
        raise ValueError("no field can show this")
    values = {p.name: p.default for p in plugin.manifest.parameters} | dict(data.get("kwargs") or {})
    typed = [(f"p_{name}", _text(value)) for name, value in values.items()]
    return [("plugin", data["plugin_id"]), ("action", data.get("action") or "run"), *typed, *_inputs(data, plugin)]


def _inputs(data: Mapping[str, Any], plugin: Plugin) -> list[tuple[str, str]]:
    listed = data.get("input_data") or []
    listed = listed if isinstance(listed, list) else [listed]
    if plugin.manifest.takes_files:
        (one,) = listed or [{"file": ""}]
        return [("file", one["file"])]
    return [("inputs", "\n".join(listed))]


def _target(spec: Spec) -> list[tuple[str, str]]:
    target = spec.target
    if target.kind == NO_TARGET:
        return []
    if target.kind == OBJECT_SET:
        return [("object_set", target.names[0])]
    modes = {AGENTS: "agents", TAGS: "tags", ALL: "all", ANYONE: "anyone"}
    ticked = [("agent", name) for name in target.names] if target.kind == AGENTS else []
    tags = [("target_tags", " ".join(target.names)), ("match", target.match)] if target.kind == TAGS else []
    return [("on", "agents"), ("mode", modes.get(target.kind, "")), *ticked, *tags]


def _options(spec: Spec) -> list[tuple[str, str]]:
    found = [(f"o_{name}", _text(value, " ")) for name, value in spec.options.to_json().items() if name != "env"]
    env = "\n".join(f"{name}={value}" for name, value in spec.options.env.items())
    return [*found, ("o_env", env)]


def _text(value: Any, between: str = "\n") -> str:
    """As its field shows it."""
    if isinstance(value, list | tuple):
        return between.join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else ""
    return "" if value is None else str(value)
