"""A plugin on inputs: on a worker of the server, or on agents where its target says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import current_app

from webapp.db import writing
from webapp.language import N_, _
from webapp.objects.values import FieldErrors
from webapp.plugins import parameters, sealing
from webapp.plugins import queries as plugins
from webapp.plugins.discovery import Plugin
from webapp.seal import Seal

if TYPE_CHECKING:
    from webapp.agents.models import Agent
    from webapp.tasks.kinds import Part
    from webapp.tasks.spec import Spec

TYPE = "plugin"
LABEL = N_("Plugin")
ICON = "plugins"
MAX_RETRIES = 0
RETRY_ON: tuple[str, ...] = ()
SUCCESS = (0,)


def prepare(spec: Spec) -> list[Part]:
    """One run for each input, since one bad input must not fail the others."""
    from webapp.tasks.kinds import Part

    if spec.target.on_agents and "module" in spec.data:
        return [_module(spec)]
    plugin = _plugin(spec)
    try:
        call = parameters.validate_call(plugin.manifest, _with_target(spec))
    except FieldErrors as e:
        raise _at_data(e) from None
    success = [0] if not plugin.manifest.success_exit_codes else list(plugin.manifest.success_exit_codes)
    options = {} if success == [0] or spec.options.success_exit_codes else {"success_exit_codes": success}
    return [
        Part(what=plugin.manifest.name, data=run, input=shown(run), plugin_id=plugin.id, options=options)
        for run in parameters.split_inputs(call)
    ]


def sealed(spec: Spec) -> Spec:
    plugin = plugins.find(str(spec.data.get("plugin_id")))
    if plugin is None or not plugin.manifest.secret_parameters:
        return spec
    seal = Seal(current_app.extensions["settings"].secrets_key_file)
    return replace(spec, data=sealing.sealed(plugin, spec.data, writing(), seal))


def suits(data: dict[str, Any], agent: Agent) -> str | None:
    if TYPE not in agent.capabilities:
        return _("%(hostname)s does not run plugins", hostname=agent.hostname)
    return None


def outcome(exit_code: int) -> str | None:
    return None


def shown(call: dict[str, Any]) -> str:
    """The input as a row shows it."""
    return ", ".join(str(each) for each in call.get("input_data") or [])[:300]


def _plugin(spec: Spec) -> Plugin:
    from webapp.tasks.spec import error

    plugin_id = spec.data.get("plugin_id")
    if not isinstance(plugin_id, str) or not plugin_id:
        raise error("data.plugin_id", _("Choose a plugin"))
    plugin = plugins.find(plugin_id)
    if plugin is None:
        raise error("data.plugin_id", _('There is no plugin "%(plugin_id)s"', plugin_id=plugin_id))
    if not plugins.enabled(plugin_id):
        raise error("data.plugin_id", _("%(name)s is not enabled in this organization", name=plugin.manifest.name))
    executor = "agent" if spec.target.on_agents else "worker"
    if executor not in plugin.manifest.runs_on:
        raise error(
            "data.plugin_id",
            _("%(name)s does not run on %(executors)s", name=plugin.manifest.name, executors=_(f"{executor}s")),
        )
    return plugin


def _with_target(spec: Spec) -> dict[str, Any]:
    """Objects and files that the target names are inputs like any other."""
    inputs = spec.data.get("input_data")
    given = [] if inputs in (None, "") else inputs if isinstance(inputs, list) else [inputs]
    if spec.target.kind == "objects":
        return {**spec.data, "input_data": [*given, *spec.target.names]}
    if spec.target.kind == "files":
        return {**spec.data, "input_data": [*given, *({"file": name} for name in spec.target.names)]}
    return spec.data


def _module(spec: Spec) -> Part:
    """The client/server runner's form: a module on the agent, an action, args and kwargs."""
    from webapp.tasks.kinds import Part
    from webapp.tasks.spec import SpecError, unknown

    known = {"module": str, "action": str, "args": list, "kwargs": dict}
    errors = [{"field": f"data.{n}", "message": unknown(n, known)} for n in spec.data if n not in known]
    errors += [
        {
            "field": f"data.{name}",
            "message": _("Enter text") if kind is str else _("Enter a list") if kind is list else _("Enter an object"),
        }
        for name, kind in known.items()
        if name in spec.data and not isinstance(spec.data[name], kind)
    ]
    if errors:
        raise SpecError(errors)
    action = spec.data.get("action") or "run"
    return Part(
        what=f"{spec.data['module']}.{action}", data=dict(spec.data), input=shown({"input_data": spec.data.get("args")})
    )


def _at_data(errors: FieldErrors) -> Exception:
    from webapp.tasks.spec import SpecError

    return SpecError([{"field": f"data.{e['field']}", "message": e["message"]} for e in errors.errors])
