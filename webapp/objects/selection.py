"""The query of an object set: `name:*.example.com port:443 seen:7d`. All of its terms must hold.

A term is `field:value`, where `*` stands for anything, or a word that the key must contain. A lone `*` is
every object of the type. What cannot be read raises, and whoever asks for members then gets none:
a slip must never widen a scan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp.language import _
from webapp.objects import types
from webapp.objects.models import Object
from webapp.objects.types import ObjectType
from webapp.objects.values import FieldErrors

TERM = re.compile(r'(-?)(?:([A-Za-z_]+):)?(?:"([^"]*)"|([^\s"]+))')
UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
MOST_TERMS = 20


class SelectionError(ValueError):
    """Says which term cannot be used."""


@dataclass(frozen=True)
class Term:
    field: str  # "" is the key, "seen" the time
    value: str
    without: bool = False


def read(type: str, text: str) -> list[Term]:
    """The terms; none for an empty text."""
    try:
        kind = types.type_of(type)
    except FieldErrors as wrong:
        raise SelectionError(wrong.errors[0]["message"]) from None
    left = TERM.sub("", text).strip()
    if left:
        raise SelectionError(
            _("%(left)s cannot be read. Put a value with spaces or signs in double quotes", left=left[:40])
        )
    terms = [_term(kind, match) for match in TERM.finditer(text)]
    if len(terms) > MOST_TERMS:
        raise SelectionError(_("Use at most %(most_terms)s terms", most_terms=MOST_TERMS))
    return terms


def _term(kind: ObjectType, match: re.Match[str]) -> Term:
    minus, name, quoted, plain = match.groups()
    value = plain if quoted is None else quoted
    if not value.strip():
        raise SelectionError(
            _("Enter a value after %(name)s:", name=name) if name else _("Enter a word between the quotes")
        )
    if name is None or name == "key":
        return Term("", value, bool(minus))
    if name == "seen":
        _length(value)
        return Term("seen", value, bool(minus))
    fields = [field.name for field in kind.fields if field.kind != "list"]
    if name not in fields:
        known = types.unknown("field", name, [*fields, "key", "seen"])
        raise SelectionError(
            _("%(known)s %(label)s has %(fields)s", known=known, label=kind.label, fields=", ".join(fields))
        )
    if kind.field(name).kind == "boolean" and value not in ("true", "false"):
        raise SelectionError(_("Enter %(name)s:true or %(name)s:false", name=name))
    return Term(name, value, bool(minus))


def conditions(type: str, text: str, now: datetime) -> list[sa.ColumnElement[bool]]:
    """On objects of this type; SelectionError for a text that is empty or cannot be used."""
    terms = read(type, text)
    if not terms:
        raise SelectionError(_("Enter what to look for, or * for all"))
    kind = types.type_of(type)
    return [_condition(kind, term, now) for term in terms]


def _condition(kind: ObjectType, term: Term, now: datetime) -> sa.ColumnElement[bool]:
    if term.field == "seen":
        found = Object.last_seen_at >= now - _length(term.value)
    elif term.field == "":
        # A word is looked for anywhere in the key; with a star it is the whole key.
        pattern = term.value if "*" in term.value else f"*{term.value}*"
        found = sa.func.lower(Object.key).like(_like(pattern.lower()), escape="\\")
    elif kind.field(term.field).kind == "boolean":
        found = Object.data[term.field].as_boolean() == (term.value == "true")
    else:
        text = sa.func.lower(sa.cast(Object.data[term.field].as_string(), sa.String))
        found = text.like(_like(term.value.lower()), escape="\\")
    return sa.not_(sa.func.coalesce(found, sa.false())) if term.without else found


def _like(pattern: str) -> str:
    return pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")


def _length(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if not match:
        raise SelectionError(_('"%(text)s" is no length of time. Enter one like seen:7d', text=text))
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])
