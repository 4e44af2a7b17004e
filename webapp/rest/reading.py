"""What a request says: its body and its address, held to what the call declares.

A body is refused before anything looks at it when it is not JSON by the letter (NaN, names that stand twice, numbers
and texts that no database keeps), too big or too deep.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge

from webapp.errors import Problem
from webapp.objects.values import FieldErrors
from webapp.rest.values import Json, Many, Value, read_fields
from webapp.tasks.spec import unknown

LARGEST = 8 * 2**20
DEEPEST = 64
INTEGERS = range(-(2**63), 2**63)


def body() -> Json:
    """The body's fields, as the call declares them."""
    return g.call.body.read(sent())


def sent() -> Json:
    """The body as it is, for a reader of its own kind."""
    if request.mimetype and request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise Problem(415, "Send JSON, with Content-Type: application/json")
    try:
        value = json.loads(_bytes(), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _unreadable("The body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _unreadable(f"The body is not JSON. Look at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise _unreadable(f"The body is not JSON that can be used: {error}") from None
    _check(value)
    if not isinstance(value, dict):
        raise FieldErrors([{"field": "", "message": 'Enter an object, like {"data": {}}'}])
    return value


def asked() -> Json:
    """The query string's fields, as the call declares them."""
    return g.asked


def check_address(query: Mapping[str, Value], path: Mapping[str, Any]) -> Json:
    """A name that no call knows is refused: a misspelt filter must not select everything."""
    if any("\0" in part if isinstance(part, str) else part not in INTEGERS for part in path.values()):
        raise Problem(404, "There is nothing at this address")
    strange = [name for name in request.args if name not in query][:20]
    errors = [_error(name[:80], unknown(name[:80], query).replace("field", "parameter", 1)) for name in strange]
    given: Json = {}
    for name, value in query.items():
        texts = [text for text in request.args.getlist(name) if text.strip()]
        try:
            if texts:
                given[name] = _texts(texts) if isinstance(value, Many) else _one(value, texts)
        except ValueError as wrong:
            errors.append(_error(name, str(wrong)))
    if errors:
        raise FieldErrors(errors)
    return read_fields(query, given)


def _texts(texts: list[str]) -> list[str]:
    if any("\0" in text for text in texts):
        raise ValueError("Enter text without zero bytes")
    return texts


def _one(value: Value, texts: list[str]) -> Any:
    if len(texts) > 1:
        raise ValueError("Give it once")
    return value.from_text(_texts(texts)[0].strip())


def _bytes() -> bytes:
    request.max_content_length = LARGEST + 1  # a body without a length is cut there, not refused
    try:
        data = request.get_data()
    except RequestEntityTooLarge:
        raise _too_big() from None
    if len(data) > LARGEST:
        raise _too_big()
    if not data.strip():
        raise _unreadable("The body is empty. Send a JSON object")
    return data


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f'"{twice[:80]}" stands in it twice')
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _check(value: Any) -> None:
    """Only what both databases keep as it is."""
    errors = [_error(path, text) for path, part in _walk(value) if (text := _fault(part))]
    if errors:
        raise FieldErrors(errors[:20])


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every number, text and name, with its path. Without recursion: whoever sends it chooses how deep it is."""
    waiting = [("", value, 1)]
    while waiting:
        path, part, depth = waiting.pop()
        if depth > DEEPEST:
            raise _too_deep()
        if isinstance(part, dict):
            yield from ((path or "body", name) for name in part)
            waiting += [(f"{path}.{name}"[-200:].lstrip("."), each, depth + 1) for name, each in part.items()]
        elif isinstance(part, list):
            waiting += [(f"{path}.{number}".lstrip("."), each, depth + 1) for number, each in enumerate(part)]
        else:
            yield path, part


def _fault(part: Any) -> str:
    if isinstance(part, str):
        if "\0" in part:
            return "Enter text without zero bytes"
        return "" if part.isascii() or _encodes(part) else "Enter text that is Unicode"
    if isinstance(part, float):
        return "" if math.isfinite(part) else "Enter a smaller number"
    if isinstance(part, int) and part not in INTEGERS:
        return "Enter a number from -2^63 to 2^63-1"
    return ""


def _encodes(text: str) -> bool:
    """Half of a surrogate pair is JSON, but no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_big() -> Problem:
    return Problem(413, f"The body is too big. The limit is {LARGEST // 2**20} MB")


def _too_deep() -> Problem:
    return _unreadable(f"The body is nested too deeply. Use at most {DEEPEST} levels")


def _unreadable(text: str) -> Problem:
    return Problem(400, text)


def _error(name: str, message: str) -> dict[str, str]:
    return {"field": name, "message": message}
