"""Messages: dataclasses that come as JSON from the other side, which is never trusted to have sent what it should.

`to_json()` gives a plain dict, `from_json(value)` checks types, ignores unknown fields and raises `BadMessage`.
"""

import dataclasses
import functools
import re
import typing
from typing import Any, Union

_TASK_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class BadMessage(ValueError):
    """The bytes are not the message that they should be; the text names the field."""


class Message:
    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, value: Any) -> Any:
        return _read(cls, value, cls.__name__)


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is Union:
        return _read_union(inner, value, where)
    if origin is list:
        return [_read(inner[0], item, where + "[]") for item in _expect(list, value, where)]
    if origin is dict:
        return {
            _expect(str, name, where): _read(inner[1], item, f"{where}.{name}")
            for name, item in _expect(dict, value, where).items()
        }
    if dataclasses.is_dataclass(kind):
        return _read_message(kind, _expect(dict, value, where), where)
    return _expect(kind, value, where)


def _read_message(kind: Any, value: dict[str, Any], where: str) -> Any:
    types, known = _types(kind), {}
    for item in dataclasses.fields(kind):
        if item.name in value:
            known[item.name] = _read(types[item.name], value[item.name], f"{where}.{item.name}")
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise BadMessage(f"{where}.{item.name} is missing")
    task_id = known.get("task_id")
    if task_id is not None and not _TASK_ID.match(task_id):  # it becomes a folder's name
        raise BadMessage(f"{where}.task_id is not a UUID")
    return kind(**known)


@functools.cache
def _types(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _read_union(kinds: Any, value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    if len(rest) == 1:
        return _read(rest[0], value, where)
    if type(value) not in rest:
        raise BadMessage(f"{where} has the wrong type")
    return value


def _expect(kind: type, value: Any, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise BadMessage(f"{where} is not of type {kind.__name__}")
    return value
