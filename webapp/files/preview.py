"""What a file looks like from the outside: small text as it is, JSON laid out, everything else not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

LARGEST = 256 * 1024
# Controls but for tab and newline, and marks that turn or hide text.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


class Preview(NamedTuple):
    kind: str  # text | json | empty | binary | large | gone
    text: str = ""


def of(path: Path) -> Preview:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return Preview("gone")
    if not data:
        return Preview("empty")
    if _binary(data):
        return Preview("binary")
    return Preview("large") if len(data) > LARGEST else _text(data.decode(errors="replace"))


def _text(text: str) -> Preview:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return Preview("json", _UNSEEN.sub("", json.dumps(json.loads(text), indent=2, ensure_ascii=False)))
        except (ValueError, RecursionError):
            pass
    return Preview("text", _UNSEEN.sub("", text.replace("\r\n", "\n")))


def _binary(data: bytes) -> bool:
    """A zero byte never stands in text; nor do many bytes that are no UTF-8."""
    head = data[:4096]
    return b"\0" in head or head.decode(errors="replace").count("\N{REPLACEMENT CHARACTER}") > len(head) // 10
