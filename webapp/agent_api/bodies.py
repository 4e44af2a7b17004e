"""What agents send, read with suspicion: bounded, well-formed, and of values that every database can hold."""

from __future__ import annotations

import json
import math
import re
import zlib
from typing import Any, NamedTuple, NoReturn, TypeVar

from flask import request

from webapp.agent_api.refusals import refuse
from webapp.tasks.lifecycle import Lease
from workers.agent.protocol import (
    CHUNK_CRC_HEADER,
    LEASE_SEQ_HEADER,
    LEASE_TOKEN_HEADER,
    MAX_BODY,
    MAX_CHUNK,
    BadMessage,
    Code,
    Message,
)

LARGEST = 2**63 - 1
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/\*")

M = TypeVar("M", bound=Message)


class Chunk(NamedTuple):
    offset: int
    data: bytes
    intact: bool


def read(kind: type[M]) -> tuple[M, dict[str, Any]]:
    """The message, and the plain JSON of which it was made."""
    value = _json(_bounded(MAX_BODY))
    try:
        return kind.from_json(value), value
    except BadMessage as error:
        refuse(422, Code.BAD_MESSAGE, str(error))


def raw() -> bytes:
    """The body as it came, after `read`."""
    return request.get_data()


def lease() -> Lease:
    """From the headers of requests whose bodies are raw."""
    seq, token = request.headers.get(LEASE_SEQ_HEADER, ""), request.headers.get(LEASE_TOKEN_HEADER, "")
    if not seq.isascii() or not seq.isdecimal() or len(seq) > 9 or not token:
        refuse(422, Code.BAD_MESSAGE, f"{LEASE_SEQ_HEADER} and {LEASE_TOKEN_HEADER} are needed")
    return Lease(int(seq), token)


def chunk() -> Chunk | None:
    """None is the question how much there is."""
    place = request.headers.get("Content-Range", "")
    if place == "bytes */*":
        return None
    match = _RANGE.fullmatch(place)
    if match is None:
        refuse(422, Code.BAD_MESSAGE, "Content-Range must be bytes a-b/*")
    first, last = (int(part) for part in match.groups())
    if last - first + 1 > MAX_CHUNK:
        refuse(413, Code.TOO_LARGE, f"A request carries at most {MAX_CHUNK} bytes")
    data = _bounded(MAX_CHUNK)
    if len(data) != last - first + 1:
        refuse(422, Code.BAD_MESSAGE, f"{len(data)} bytes came where {last - first + 1} were announced")
    return Chunk(first, data, request.headers.get(CHUNK_CRC_HEADER, "").lower() == _crc(data))


def _bounded(most: int) -> bytes:
    request.max_content_length = most
    return request.get_data()


def parsed(content: bytes) -> Any:
    """ValueError or RecursionError where it is no JSON, or no value that can be kept."""
    return _storable(json.loads(content, parse_constant=_no_number))


def _json(content: bytes) -> Any:
    try:
        return parsed(content)
    except (ValueError, RecursionError) as error:
        refuse(422, Code.BAD_MESSAGE, f"The body is not the JSON that it should be: {type(error).__name__}")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _storable(value: Any) -> Any:
    """Text without zero bytes and half characters, which PostgreSQL refuses; numbers that fit."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError("a number is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _crc(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"
