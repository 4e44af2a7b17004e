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
        text = "This was changed meanwhile. Fetch it, look at the changes, then send yours again"
        raise Problem(412, text, title="This has changed", headers={"ETag": f'"{etag(current)}"'})
