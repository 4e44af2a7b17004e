"""What stands in a body, a query string or an answer: checked and described by the same few classes.

Strict: "5" is no number, 1 is not true, an unknown name is refused with the nearest known one. `read` returns the
value or raises ValueError (FieldErrors where several fields are wrong) with texts that a person can act on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from webapp.objects.values import FieldErrors
from webapp.tasks.spec import unknown

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Value:
    """Anything. `required` and `default` are for what is sent, `null` for what may be answered."""

    about: str = ""
    required: bool = False
    null: bool = False
    default: Any = None
    example: Any = None

    def read(self, given: Any) -> Any:
        return given

    def from_text(self, text: str) -> Any:
        """Out of a query string, where everything is text; `read` follows."""
        return text

    def schema(self) -> Json:
        facts = {
            "description": self.about,
            "default": self.default,
            "examples": [self.example] if self.example else None,
        }
        return _nullable(self.type(), self.null) | {
            name: fact for name, fact in facts.items() if fact not in (None, "")
        }

    def type(self) -> Json:
        return {}

    def parts(self) -> Iterable[Value]:
        """What it is made of, for who collects the named shapes."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Text(Value):
    longest: int = 1_000
    shortest: int = 1
    choices: tuple[str, ...] = ()
    format: str = ""

    def read(self, given: Any) -> str:
        if not isinstance(given, str):
            raise ValueError("Enter text")
        if self.choices and given not in self.choices:
            raise ValueError(f"Choose {either(self.choices)}")
        if not self.shortest <= len(given.strip()) or len(given) > self.longest:
            raise ValueError(f"Enter {self.shortest} to {self.longest:,} characters")
        return given

    def type(self) -> Json:
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        return {"type": "string"} | ({"format": self.format} if self.format else {})


@dataclass(frozen=True, kw_only=True)
class Whole(Value):
    low: int = 0
    high: int = 2**53 - 1

    def read(self, given: Any) -> int:
        if isinstance(given, bool) or not isinstance(given, int):
            raise ValueError("Enter a whole number")
        if not self.low <= given <= self.high:
            raise ValueError(f"Enter a number from {self.low} to {self.high}")
        return given

    def from_text(self, text: str) -> int:
        if not text.removeprefix("-").isdecimal() or len(text) > 20:
            raise ValueError("Enter a whole number")
        return self.read(int(text))

    def type(self) -> Json:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, kw_only=True)
class Number(Value):
    """Any number: for what was measured."""

    def read(self, given: Any) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise ValueError("Enter a number")
        return given

    def type(self) -> Json:
        return {"type": "number"}


@dataclass(frozen=True, kw_only=True)
class Flag(Value):
    def read(self, given: Any) -> bool:
        if not isinstance(given, bool):
            raise ValueError("Enter true or false")
        return given

    def from_text(self, text: str) -> bool:
        if text.lower() not in ("1", "true", "yes", "0", "false", "no"):
            raise ValueError("Enter 1 or 0")
        return text.lower() in ("1", "true", "yes")

    def type(self) -> Json:
        return {"type": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Moment(Value):
    """RFC 3339 with a zone; answers are UTC with `Z`."""

    def read(self, given: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(given)
        except (TypeError, ValueError):
            raise ValueError("Enter a time like 2026-12-01T09:00:00Z") from None
        if moment.tzinfo is None:
            raise ValueError("Name the zone of the time, like 2026-12-01T09:00:00Z")
        return moment

    def type(self) -> Json:
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, kw_only=True)
class Many(Value):
    """A list. In a query string a name that may be repeated."""

    of: Value = field(default_factory=Value)
    most: int = 10_000
    least: int = 0

    def read(self, given: Any) -> list[Any]:
        if not isinstance(given, list):
            raise ValueError("Enter a list")
        if not self.least <= len(given) <= self.most:
            raise ValueError(f"Enter {self.least} to {self.most:,} of them")
        return list(_read_each(((str(number), self.of, each) for number, each in enumerate(given))).values())

    def type(self) -> Json:
        return {"type": "array", "items": self.of.schema()}

    def parts(self) -> Iterable[Value]:
        return (self.of,)


@dataclass(frozen=True, kw_only=True)
class Named(Value):
    """An object whose names are free, such as counts by status."""

    of: Value = field(default_factory=Value)

    def read(self, given: Any) -> Json:
        if not isinstance(given, Mapping):
            raise ValueError("Enter an object")
        return _read_each((name, self.of, each) for name, each in given.items())

    def type(self) -> Json:
        return {"type": "object", "additionalProperties": self.of.schema() or True}

    def parts(self) -> Iterable[Value]:
        return (self.of,)


@dataclass(frozen=True, kw_only=True)
class OneOf(Value):
    """One of several kinds."""

    of: tuple[Value, ...] = ()

    def read(self, given: Any) -> Any:
        for kind in self.of:
            try:
                return kind.read(given)
            except ValueError as error:
                last = error
        raise last

    def type(self) -> Json:
        return {"anyOf": [kind.schema() for kind in self.of]}

    def parts(self) -> Iterable[Value]:
        return self.of


@dataclass(frozen=True, kw_only=True)
class Shape(Value):
    """An object with these fields and no others. One with a name is described once, under it."""

    name: str = ""
    fields: dict[str, Value] = field(default_factory=dict)

    def read(self, given: Any) -> Json:
        if not isinstance(given, Mapping):
            raise ValueError("Enter an object")
        return read_fields(self.fields, given)

    def type(self) -> Json:
        return {"$ref": f"#/components/schemas/{self.name}"} if self.name else self.described()

    def described(self) -> Json:
        required = [name for name, value in self.fields.items() if value.required]
        return {
            "type": "object",
            "properties": {name: value.schema() for name, value in self.fields.items()},
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }

    def parts(self) -> Iterable[Value]:
        return self.fields.values()


def read_fields(fields: Mapping[str, Value], given: Mapping[str, Any]) -> Json:
    """Those that were given and those with a default. Where null means nothing, it is as good as not given."""
    errors = [_error(name, unknown(name[:80], fields)) for name in given if name not in fields][:20]
    there = {name: each for name, each in given.items() if name in fields and _given(fields[name], each)}
    missing = [name for name, value in fields.items() if value.required and name not in there]
    errors += [_error(name, f"Enter the {name.replace('_', ' ')}") for name in missing]
    try:
        found = _read_each((name, fields[name], each) for name, each in there.items())
    except FieldErrors as wrong:
        errors += wrong.errors
    if errors:
        raise FieldErrors(errors)
    return {name: value.default for name, value in fields.items() if value.default is not None} | found


def _given(value: Value, each: Any) -> bool:
    return each is not None or value.null


def either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _read_each(given: Iterable[tuple[str, Value, Any]]) -> Json:
    found: Json = {}
    errors: list[dict[str, str]] = []
    for name, value, each in given:
        try:
            found[name] = None if each is None and value.null else value.read(each)
        except FieldErrors as wrong:
            errors += [_error(f"{name}.{error['field']}", error["message"]) for error in wrong.errors]
        except ValueError as wrong:
            errors.append(_error(name, str(wrong)))
    if errors:
        raise FieldErrors(errors[:100])
    return found


def _error(name: str, message: str) -> dict[str, str]:
    return {"field": name, "message": message}


def _nullable(schema: Json, null: bool) -> Json:
    if not null:
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}
