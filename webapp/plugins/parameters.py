"""Calls of plugins and their parameters: checked, read from forms, described as JSON Schema.

A call is the `data` of a task: {"plugin_id", "input_data", "action"?, "args"?, "kwargs"?}. `args`
fill the parameters in their order, `kwargs` by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from webapp.objects.types import unknown
from webapp.objects.values import FieldErrors
from webapp.plugins import inputs
from webapp.plugins.contract import Manifest, Parameter

CALL_FIELDS = ("plugin_id", "input_data", "action", "args", "kwargs")


def validate_call(manifest: Manifest, data: Mapping[str, Any]) -> dict[str, Any]:
    """The call as a task keeps it: inputs in canonical form, only what was given; or FieldErrors."""
    errors = [_error(name, unknown("field", str(name), CALL_FIELDS)) for name in data if name not in CALL_FIELDS]
    call: dict[str, Any] = {"plugin_id": manifest.id}
    if data.get("plugin_id", manifest.id) != manifest.id:
        errors.append(_error("plugin_id", f"Enter {manifest.id}"))
    if (data.get("action") or "run") not in manifest.actions:
        errors.append(_error("action", f"Choose {_either(manifest.actions)}"))
    try:
        call["input_data"] = inputs.clean_inputs(manifest, data.get("input_data"))
    except FieldErrors as error:
        errors += error.errors
    try:
        parameter_values(manifest, data)
    except FieldErrors as error:
        errors += error.errors
    if errors:
        raise FieldErrors(errors)
    return call | {name: data[name] for name in ("action", "args", "kwargs") if data.get(name)}


def parameter_values(manifest: Manifest, call: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every parameter, defaults filled in."""
    args, kwargs = call.get("args") or [], call.get("kwargs") or {}
    if not isinstance(args, (list, tuple)):
        raise FieldErrors([_error("args", "Enter a list")])
    if not isinstance(kwargs, Mapping):
        raise FieldErrors([_error("kwargs", "Enter an object")])
    if manifest.free_arguments:
        names = {parameter.name for parameter in manifest.parameters}
        return clean(manifest.parameters, {name: value for name, value in kwargs.items() if name in names})
    errors = []
    if len(args) > len(manifest.parameters):
        errors.append(_error("args", f"Enter at most {len(manifest.parameters)} arguments"))
    placed = {parameter.name: value for parameter, value in zip(manifest.parameters, args)}
    errors += [_error(f"kwargs.{name}", "Enter it once: it is among args too") for name in placed if name in kwargs]
    if not errors and (open_secrets := [each.name for each in manifest.secret_parameters if each.name in placed]):
        errors.append(_error("args", f"Enter {_either(open_secrets)} in kwargs: only there it is kept secret"))
    try:
        values = clean(manifest.parameters, {**placed, **kwargs})
    except FieldErrors as error:
        errors += error.errors
    if errors:
        raise FieldErrors(errors)
    return values


def clean(parameters: Sequence[Parameter], given: Mapping[str, Any], where: str = "kwargs") -> dict[str, Any]:
    """Strict: "5" is no number, 1 is not true. Missing ones get their default (None without one)."""
    known = {parameter.name: parameter for parameter in parameters}
    errors = [_error(f"{where}.{name}", unknown("parameter", str(name), known)) for name in given if name not in known]
    values = {}
    for name, parameter in known.items():
        try:
            values[name] = check(parameter, given.get(name))
        except ValueError as error:
            errors.append(_error(f"{where}.{name}", str(error)))
    if errors:
        raise FieldErrors(errors)
    return values


def check(parameter: Parameter, value: Any) -> Any:
    """One value, or ValueError with the text for its field."""
    if value is None or value == "":
        if parameter.required and parameter.default is None:
            raise ValueError(f"{'Choose' if parameter.choices else 'Enter'} the {parameter.label.lower()}")
        return list(parameter.default) if parameter.type == "list" and parameter.default else parameter.default
    return _CHECKS[parameter.type](parameter, value)


def from_form(parameters: Sequence[Parameter], form: Mapping[str, Any]) -> dict[str, Any]:
    """Values out of a form's texts. What cannot be read stays text, so that `clean` names the field."""
    read = {}
    for parameter in parameters:
        value = form.get(parameter.name)
        if parameter.type == "boolean":
            # Browsers leave the box out when it is not ticked.
            read[parameter.name] = value is True or str(value).lower() in ("on", "true", "yes", "1")
        elif value not in (None, "", []):
            read[parameter.name] = _from_text(parameter, value)
    return read


def split_inputs(call: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A list of n inputs makes n tasks; none makes one."""
    each = call.get("input_data") or []
    return [{**call, "input_data": [one]} for one in each] or [dict(call)]


def secret_values(manifest: Manifest, settings: Mapping[str, Any], call: Mapping[str, Any] | None = None) -> list[str]:
    """What must be masked wherever this plugin's output is kept."""
    kwargs = (call or {}).get("kwargs") or {}
    found = [settings.get(each.name) for each in manifest.settings if each.type == "secret"]
    found += [kwargs.get(each.name) for each in manifest.secret_parameters]
    return [value for value in found if isinstance(value, str) and value]


def is_sealed(value: Any) -> bool:
    """Is it what stands in a row for a secret? See `sealing`."""
    return isinstance(value, Mapping) and set(value) == {"sealed"} and isinstance(value["sealed"], str)


def _secret(parameter: Parameter, value: Any) -> Any:
    return value if is_sealed(value) else _text(parameter, value)


def _text(parameter: Parameter, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("Enter text")
    if parameter.type == "string" and len(value.splitlines()) > 1:
        raise ValueError("Enter one line")
    if parameter.pattern and not re.fullmatch(parameter.pattern, value):
        raise ValueError(f"Enter the {parameter.label.lower()}{_like(parameter)}")
    if _outside(parameter, len(value)):
        raise ValueError(f"Enter {_bounds(parameter)} characters")
    return value


def _integer(parameter: Parameter, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"Enter a whole number{_like(parameter)}")
    return _number(parameter, value)


def _number(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"Enter a number{_like(parameter)}")
    if _outside(parameter, value):
        both = parameter.minimum is not None and parameter.maximum is not None
        raise ValueError(f"Enter a number {'from' if both else 'of'} {_bounds(parameter)}")
    return value


def _boolean(parameter: Parameter, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Choose true or false")
    return value


def _choice(parameter: Parameter, value: Any) -> str:
    if value not in parameter.choices:
        raise ValueError(f"Choose {_either(parameter.choices)}")
    return str(value)


def _list(parameter: Parameter, value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) and each for each in value):
        raise ValueError(f"Enter a list of texts{_like(parameter)}")
    for each in value:
        if parameter.pattern and not re.fullmatch(parameter.pattern, each):
            raise ValueError(f'"{each[:80]}" cannot be in this list{_like(parameter)}')
    if _outside(parameter, len(value)):
        raise ValueError(f"Enter {_bounds(parameter)} of them")
    return list(value)


_CHECKS: dict[str, Callable[[Parameter, Any], Any]] = {
    "string": _text,
    "text": _text,
    "secret": _secret,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "choice": _choice,
    "list": _list,
}


def _outside(parameter: Parameter, size: float) -> bool:
    low, high = parameter.minimum, parameter.maximum
    return (low is not None and size < low) or (high is not None and size > high)


def _bounds(parameter: Parameter) -> str:
    low, high = _plain(parameter.minimum), _plain(parameter.maximum)
    return f"at most {high}" if not low else f"at least {low}" if not high else f"{low} to {high}"


def _plain(number: float | None) -> str:
    return "" if number is None else str(int(number) if float(number).is_integer() else number)


def _like(parameter: Parameter) -> str:
    return f", like {parameter.example}" if parameter.example else ""


def _from_text(parameter: Parameter, value: Any) -> Any:
    if parameter.type == "list":
        lines = value if isinstance(value, (list, tuple)) else str(value).replace(",", "\n").splitlines()
        return [line.strip() for line in lines if line.strip()]
    try:
        return {"integer": int, "number": float}[parameter.type](value)
    except (KeyError, TypeError, ValueError):
        return value


def _either(choices: Sequence[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _error(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}
