"""JSON Schema of a plugin's call, for OpenAPI, the reference page and programs that build forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webapp.plugins import inputs
from webapp.plugins.contract import Manifest, Parameter

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "text": {"type": "string"},
    "secret": {"type": "string", "format": "password", "writeOnly": True},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "choice": {"type": "string"},
    "list": {"type": "array", "items": {"type": "string"}},
}
_BOUNDS = {"integer": ("minimum", "maximum"), "number": ("minimum", "maximum"), "list": ("minItems", "maxItems")}


def call_schema(manifest: Manifest) -> dict[str, Any]:
    """Of a task's `data`."""
    required = ["plugin_id", *(["input_data"] if manifest.consumes and not manifest.any_input else [])]
    return {
        "type": "object",
        "title": manifest.name,
        "description": manifest.description,
        "properties": {
            "plugin_id": {"const": manifest.id},
            "input_data": _inputs(manifest),
            "action": {"type": "string", "enum": list(manifest.actions), "default": "run"},
            "args": {"type": "array", "description": "Values of the parameters, in their order."},
            "kwargs": values_schema(manifest.parameters, open=manifest.free_arguments),
        },
        "required": required,
        "additionalProperties": False,
    }


def values_schema(parameters: Sequence[Parameter], open: bool = False) -> dict[str, Any]:
    """Of values by name: the kwargs of a call, or a plugin's settings."""
    return {
        "type": "object",
        "properties": {parameter.name: _value(parameter) for parameter in parameters},
        # args may fill a required parameter as well, so kwargs alone require none.
        "additionalProperties": open,
    }


def _value(parameter: Parameter) -> dict[str, Any]:
    schema = {**_TYPES[parameter.type], "title": parameter.label, "description": parameter.help}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.pattern:
        # JSON Schema searches; ours must match the whole text.
        pattern = {"pattern": f"^(?:{parameter.pattern})$"}
        schema |= {"items": {"type": "string", **pattern}} if parameter.type == "list" else pattern
    low, high = _BOUNDS.get(parameter.type, ("minLength", "maxLength"))
    given = {low: parameter.minimum, high: parameter.maximum, "default": parameter.default}
    schema |= {key: value for key, value in given.items() if value is not None}
    if parameter.example:
        schema["examples"] = [parameter.example]
    return schema


def _inputs(manifest: Manifest) -> dict[str, Any]:
    if manifest.any_input:
        return {"description": "Anything; a list of n makes n tasks."}
    one = {"type": ["string", "object"] if manifest.takes_files else "string"}
    text = inputs.prompt(manifest) + ". A list of n makes n tasks."
    return {"description": text, "anyOf": [one, {"type": "array", "items": one}]}
