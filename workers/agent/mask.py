"""Keep secrets out of output: a filter over a stream of bytes, whatever the chunks it comes in.

A secret is looked for as it is, line by line, in base64 at each of its three alignments, URL-encoded and as JSON
writes it. Bytes are held back only while they could still become a secret, so prompts appear at once.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable
from typing import Any, Callable

STARS = b"***"
SHORTEST = 4  # what is shorter would mask half of every output
FRAGMENT = 6  # and of base64, where fewer characters could be anything


class Masker:
    def __init__(self, secrets: Iterable[str]) -> None:
        self._variants = sorted(variants(secrets), key=len, reverse=True)
        self._longest = len(self._variants[0]) if self._variants else 0
        self._pattern = _pattern(self._variants)
        self._rest = b""
        self.hits = 0

    def feed(self, data: bytes) -> bytes:
        """What may leave the host now."""
        if not self._variants:
            return data
        data, parts, done = self._rest + data, [], 0
        open_at = self._open_at(data, 0)
        for match in self._pattern.finditer(data):
            if match.start() >= open_at:
                break
            parts += [data[done : match.start()], STARS]
            done = match.end()
            self.hits += 1
            if done > open_at:
                open_at = self._open_at(data, done)
        parts.append(data[done:open_at])
        self._rest = data[open_at:]
        return b"".join(parts)

    def end(self) -> bytes:
        """The bytes that waited for more: no longer one can come, but a shorter secret may be among them."""
        rest, self._rest = self._rest, b""
        masked, hits = self._pattern.subn(STARS, rest) if rest else (b"", 0)
        self.hits += hits
        return masked

    def _open_at(self, data: bytes, start: int) -> int:
        """The first place from `start` on where all that follows is the beginning of a secret."""
        for at in range(max(start, len(data) - self._longest + 1), len(data)):
            tail = data[at:]
            if any(len(tail) < len(variant) and variant.startswith(tail) for variant in self._variants):
                return at
        return len(data)


def of_streams(secrets: Iterable[str], streams: Iterable[int]) -> Callable[[int, bytes, bool], bytes]:
    """For a capture: each stream is masked by itself, since what comes in between belongs to the other."""
    maskers = {number: Masker(secrets) for number in streams}

    def mask(stream: int, data: bytes, last: bool) -> bytes:
        masked = maskers[stream].feed(data)
        return masked + maskers[stream].end() if last else masked

    return mask


def masked(value: Any, secrets: Iterable[str]) -> Any:
    """A JSON value with the secrets gone from all its texts, names included."""
    found = sorted(variants(secrets), key=len, reverse=True)
    return _masked(value, _pattern(found)) if found else value


def _masked(value: Any, pattern: "re.Pattern[bytes]") -> Any:
    if isinstance(value, str):
        return pattern.sub(STARS, value.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        return {_masked(name, pattern): _masked(item, pattern) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item, pattern) for item in value]
    return value


def _pattern(found: Iterable[bytes]) -> "re.Pattern[bytes]":
    """The longest first, so that no secret hides the end of another."""
    return re.compile(b"|".join(re.escape(variant) for variant in found))


def variants(secrets: Iterable[str]) -> set[bytes]:
    found: set[bytes] = set()
    for secret in secrets:
        for text in [secret, *secret.splitlines()]:
            if len(text) >= SHORTEST:
                found.update(_spellings(text))
    return found


def _spellings(text: str) -> list[bytes]:
    raw = text.encode("utf-8", "surrogateescape")
    quoted = urllib.parse.quote(raw, safe="")
    spellings = [
        raw,
        quoted.encode(),
        quoted.replace("%2F", "/").encode(),
        urllib.parse.quote_plus(raw).encode(),
        re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), quoted).encode(),
        json.dumps(text)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"),
    ]
    return spellings + [spelling for at in range(3) for spelling in _base64(raw, at)]


def _base64(raw: bytes, at: int) -> list[bytes]:
    """The characters that depend on nothing but the secret, when `at` other bytes stand before it."""
    text = base64.b64encode(b"\0" * at + raw)
    sure = text[-(-at * 8 // 6) : (at + len(raw)) * 8 // 6]
    return [sure, sure.replace(b"+", b"-").replace(b"/", b"_")] if len(sure) >= FRAGMENT else []
