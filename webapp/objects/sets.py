"""Object sets: a type, a query and hand-picked keys; who is in one is asked anew each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp import events
from webapp.access import audit
from webapp.db import db, writing
from webapp.events import Actor
from webapp.language import _
from webapp.objects import selection, types
from webapp.objects.models import Object, ObjectSet
from webapp.objects.selection import SelectionError
from webapp.objects.values import FieldErrors
from webapp.refusal import Refused

MOST_PICKED = 10_000
BITE = 1_000


def create(given: dict[str, Any], by: Actor, now: datetime) -> ObjectSet:
    """`given`: name, type, query and picked. FieldErrors names what cannot be used."""
    made = ObjectSet(
        organization_id=writing(), created_at=now, updated_at=now, created_by=by.name, **_checked(given, None)
    )
    db.session.add(made)
    db.session.flush()
    _record("create", made, by, now, None)
    return made


def edit(changed: ObjectSet, given: dict[str, Any], by: Actor, now: datetime, version: int | None = None) -> None:
    """`version`: the one that was seen, where another's change must not be written over."""
    if version is not None and version != changed.version:
        raise Refused("stale", _("Somebody changed this set meanwhile. Review the changes, then save again"))
    before = facts(changed)
    for name, value in _checked(facts(changed) | given, changed).items():
        setattr(changed, name, value)
    changed.version += 1
    changed.updated_at = now
    _record("edit", changed, by, now, before)


def delete(gone: ObjectSet, by: Actor, now: datetime) -> None:
    gone.deleted_at = now
    _record("delete", gone, by, now, facts(gone))


def facts(of: ObjectSet) -> dict[str, Any]:
    return {"name": of.name, "type": of.type, "query": of.query, "picked": of.picked}


def listed(text: str = "") -> sa.Select[ObjectSet]:
    """All with this in their names, in no order yet."""
    found = sa.select(ObjectSet).where(ObjectSet.deleted_at.is_(None))
    return found.where(ObjectSet.name.icontains(text, autoescape=True)) if text else found


def find(set_id: Any, organization_id: int) -> ObjectSet | None:
    """By its number, as targets name it."""
    if not str(set_id).isdecimal() or len(str(set_id)) > 9:
        return None
    return db.session.scalar(listed().where(ObjectSet.id == int(set_id), ObjectSet.organization_id == organization_id))


def keys(of: ObjectSet, now: datetime) -> Iterator[str]:
    """Every member's key, picked ones first, each once. A query that cannot be used finds nothing."""
    yield from of.picked
    picked, last = set(of.picked), ""
    while bite := _found(of, now, last):
        yield from (key for key in bite if key not in picked)
        last = bite[-1]


def count(of: ObjectSet, now: datetime) -> int:
    return counts([of], now)[0]


def counts(sets: Sequence[ObjectSet], now: datetime) -> list[int]:
    """Of each set, in one statement for as many sets as a statement has room for their picked keys."""
    found: list[int] = []
    for bite in _bites(sets):
        asked = db.session.execute(sa.select(*(_others(each, now) for each in bite))).one()
        found += [len(each.picked) + number for each, number in zip(bite, asked, strict=True)]
    return found


def problem(of: ObjectSet) -> str:
    """Why its query finds nothing, when it cannot be used."""
    try:
        selection.read(of.type, of.query)
    except SelectionError as wrong:
        return str(wrong)
    return ""


def _bites(sets: Sequence[ObjectSet]) -> Iterator[list[ObjectSet]]:
    bite: list[ObjectSet] = []
    for each in sets:
        if bite and sum(len(one.picked) for one in bite) + len(each.picked) > MOST_PICKED:
            yield bite
            bite = []
        bite.append(each)
    if bite:
        yield bite


def _others(of: ObjectSet, now: datetime) -> sa.ScalarSelect[int]:
    """How many its query finds beside the picked ones; none when it cannot be used."""
    try:
        found = _matching(of, now)
    except SelectionError:
        found = sa.select(Object.key).where(sa.false())
    if of.picked:
        found = found.where(Object.key.not_in(of.picked))
    return found.with_only_columns(sa.func.count(Object.id)).scalar_subquery()


def _found(of: ObjectSet, now: datetime, after: str) -> Sequence[str]:
    try:
        found = _matching(of, now)
    except SelectionError:
        return []
    return db.session.scalars(found.where(Object.key > after).order_by(Object.key).limit(BITE)).all()


def _matching(of: ObjectSet, now: datetime) -> sa.Select[str]:
    return sa.select(Object.key).where(
        Object.organization_id == of.organization_id,
        Object.type == of.type,
        Object.deleted_at.is_(None),
        *selection.conditions(of.type, of.query, now),
    )


def _checked(given: dict[str, Any], before: ObjectSet | None) -> dict[str, Any]:
    name, type, query = (str(given.get(key) or "").strip() for key in ("name", "type", "query"))
    errors = []
    if not 1 <= len(name) <= 120:
        errors.append({"field": "name", "message": _("Name the set in at most 120 characters")})
    elif _taken(name, before):
        errors.append(
            {"field": "name", "message": _('There is a set "%(name)s" already. Choose another name', name=name)}
        )
    try:
        selection.read(type, query)
        picked = _picked(type, given.get("picked") or [])
    except SelectionError as wrong:
        errors.append({"field": "query" if type in types.OBJECT_TYPES else "type", "message": str(wrong)})
    except FieldErrors as wrong:
        errors += wrong.errors
    if len(query) > 500:
        errors.append({"field": "query", "message": _("Use at most 500 characters")})
    if errors:
        raise FieldErrors(errors)
    if not query and not picked:
        raise FieldErrors([{"field": "query", "message": _("Enter what to look for, * for all, or pick objects")}])
    return {"name": name, "type": type, "query": query, "picked": picked}


def _picked(type: str, given: Any) -> list[str]:
    if not isinstance(given, list) or len(given) > MOST_PICKED or not all(isinstance(key, str) for key in given):
        raise FieldErrors(
            [
                {
                    "field": "picked",
                    "message": _("Enter a list of at most %(most_picked)s keys", most_picked=f"{MOST_PICKED:,}"),
                }
            ]
        )
    found, errors = [], []
    for number, key in enumerate(given):
        try:
            found.append(types.natural_key(type, types.parse_key(type, key)))
        except FieldErrors as wrong:
            errors.append({"field": f"picked.{number}", "message": wrong.errors[0]["message"]})
    if errors:
        raise FieldErrors(errors[:100])
    return list(dict.fromkeys(found))


def _taken(name: str, before: ObjectSet | None) -> bool:
    same = listed().where(ObjectSet.name == name, ObjectSet.organization_id == writing())
    found = db.session.scalar(same)
    return found is not None and found is not before


def _record(verb: str, of: ObjectSet, by: Actor, now: datetime, before: dict[str, Any] | None) -> None:
    after = None if verb == "delete" else facts(of)
    audit.record(of.organization_id, f"object_set.{verb}", f"object set {of.name}", by, now, before, after)
    past = {"create": "created", "edit": "edited", "delete": "deleted"}[verb]
    events.record(of.organization_id, f"object_set.{past}", "object_set", of.id, by, now)
