"""Marks by which a program says which state of a thing it has seen."""

from __future__ import annotations

import hashlib
import json

from flask import request

from webapp.errors import Problem
from webapp.rest.values import Json


def etag(form: Json) -> str:
    text = json.dumps(form, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def check(current: Json) -> None:
    """412 when `If-Match` names another state than the present one. Call it with the row locked."""
    if request.if_match and not request.if_match.contains(etag(current)):
        raise _changed(etag(current))


def of_edited(edited: Json, form: Json) -> str:
    """The mark of a thing that also changes by itself: its first half tells what people edit, the second all of it.
    So who polls it learns of everything, and who edits it is stopped by other people only."""
    return etag(edited)[:16] + etag(form)[:16]


def check_edited(edited: Json, form: Json) -> None:
    """`check` for such a thing."""
    mine = etag(edited)[:16]
    if request.if_match and not (request.if_match.star_tag or any(mark[:16] == mine for mark in request.if_match)):
        raise _changed(of_edited(edited, form))


def _changed(mark: str) -> Problem:
    text = "This was changed meanwhile. Fetch it, look at the changes, then send yours again"
    return Problem(412, text, title="This has changed", headers={"ETag": f'"{mark}"'})
