"""Secret parameters of a call: sealed before anything is written, opened where the task runs.

In a row, and in all that is made of it, `{"sealed": "v1.…"}` stands for the text. A copy of it means the same secret
for the same plugin in the same organisation, and opens nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from webapp.plugins import parameters
from webapp.plugins.contract import Parameter
from webapp.plugins.discovery import Plugin
from webapp.seal import Place, Seal


def sealed(plugin: Plugin, call: Mapping[str, Any], organization_id: int, seal: Seal) -> dict[str, Any]:
    """What cannot be used stays as it is: the check that follows tells it at its field."""
    return _with(call, {
        parameter.name: {"sealed": seal.seal(value.encode(), _place(plugin, parameter, organization_id))}
        for parameter, value in _given(plugin, call)
        if isinstance(value, str) and _usable(parameter, value)
    })  # fmt: skip


def opened(plugin: Plugin, call: Mapping[str, Any], organization_id: int, seal: Seal) -> dict[str, Any]:
    """The call as the plugin gets it. SealError when a secret cannot be opened."""
    rest, secrets = apart(plugin, call, organization_id, seal)
    return _with(rest, secrets)


def apart(
    plugin: Plugin, call: Mapping[str, Any], organization_id: int, seal: Seal
) -> tuple[dict[str, Any], dict[str, str]]:
    """The call without its secrets, and these by name."""
    secrets = {
        parameter.name: seal.unseal(value["sealed"], _place(plugin, parameter, organization_id)).decode()
        for parameter, value in _given(plugin, call)
        if parameters.is_sealed(value)
    }
    if not secrets:
        return dict(call), {}
    return {**call, "kwargs": {name: value for name, value in call["kwargs"].items() if name not in secrets}}, secrets


def _given(plugin: Plugin, call: Mapping[str, Any]) -> Iterator[tuple[Parameter, Any]]:
    kwargs = call.get("kwargs")
    if isinstance(kwargs, Mapping):
        yield from ((each, kwargs[each.name]) for each in plugin.manifest.secret_parameters if each.name in kwargs)


def _with(call: Mapping[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    return {**call, "kwargs": {**call["kwargs"], **values}} if values else dict(call)


def _usable(parameter: Parameter, value: str) -> bool:
    try:
        return parameters.check(parameter, value) == value != ""
    except ValueError:
        return False


def _place(plugin: Plugin, parameter: Parameter, organization_id: int) -> Place:
    return Place(organization_id, f"call {plugin.id} {parameter.name}", 1)
