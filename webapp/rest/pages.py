"""Lists in pieces: `{"items": […], "next": "<cursor>" | null}`. The cursor is where the next piece begins, so that the
thousandth costs what the first does, and rows that come meanwhile move nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import request

from webapp.db import db
from webapp.objects.values import FieldErrors
from webapp.rest.reading import asked
from webapp.rest.section import Answer
from webapp.rest.values import Json, Many, Shape, Text, Value, Whole

Row = TypeVar("Row")
MOST = 500

PAGE: dict[str, Value] = {
    "limit": Whole(low=1, high=MOST, default=50, about="How many at most."),
    "cursor": Text(about="`next` of the piece before."),
    "after": Text(about="The same, as the pages call it."),
}


def listed(items: Sequence[Json], following: tuple[int, ...] | None = None) -> Answer:
    """`following`: the key of the last item, when there are more."""
    cursor = _written(following) if following else None
    link = f"{request.path}?{urlencode([*_kept(), ('cursor', cursor)])}" if cursor else ""
    headers = {"Link": f'<{link}>; rel="next"'} if cursor else {}
    return Answer({"items": list(items), "next": cursor}, headers=headers)


def newest_first(rows: sa.Select[Row], key: Any, form: Callable[[Row], Json]) -> Answer:
    return _page(rows.order_by(key.desc()), key, lambda start: key < start, form)


def oldest_first(rows: sa.Select[Row], key: Any, form: Callable[[Row], Json]) -> Answer:
    return _page(rows.order_by(key), key, lambda start: key > start, form)


def list_of(shape: Value) -> Shape:
    """The answer's description."""
    cursor = Text(required=True, null=True, about="Send it as `cursor` for more; null at the end.")
    return Shape(fields={"items": Many(of=shape, required=True), "next": cursor})


def start(length: int = 1) -> tuple[int, ...] | None:
    """The key after which this piece begins."""
    cursor = asked().get("cursor") or asked().get("after")
    if cursor is None:
        return None
    try:
        numbers = tuple(int(part) for part in base64.b32decode(cursor.upper() + "=" * (-len(cursor) % 8)).split(b"."))
    except (binascii.Error, ValueError):
        numbers = ()
    if len(numbers) != length or not all(0 <= number < 2**63 for number in numbers):
        raise FieldErrors([{"field": "cursor", "message": "Send the next of the piece before, as it was"}])
    return numbers


def _page(rows: Any, key: Any, beyond: Callable[[int], Any], form: Callable[[Row], Json]) -> Answer:
    limit, begin = asked()["limit"], start()
    if begin:
        rows = rows.where(beyond(begin[0]))
    found = db.session.scalars(rows.limit(limit + 1)).all()
    more = len(found) > limit
    return listed([form(row) for row in found[:limit]], (getattr(found[limit - 1], key.key),) if more else None)


def _written(numbers: Iterable[int]) -> str:
    """One word of small letters and digits: opaque, and fit for an address as it is."""
    return base64.b32encode(b".".join(b"%d" % number for number in numbers)).decode().rstrip("=").lower()


def _kept() -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.args.items(multi=True) if name not in ("cursor", "after")]
