"""Keep secrets out of output: a filter over a stream of bytes, whatever the chunks it comes in.

A secret is looked for as it is, line by line, in base64 at each of its three alignments, URL-encoded and as JSON
writes it. Bytes are held back only while they could still become a secret, so prompts appear at once.
"""

import base64
import json
import os
import re
import stat
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Callable

STARS = b"***"
SHORTEST = 4  # what is shorter would mask half of every output
FRAGMENT = 6  # and of base64, where fewer characters could be anything
_CHUNK = 2**20


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


def files_in(folder: str, secrets: Iterable[str]) -> None:
    """Every regular file below it, as it is to be kept; OSError when one of them is gone, since it could not be."""
    known, lost = list(secrets), None
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                in_file(os.path.join(place, name), known)
            except OSError as error:
                lost = error
    if lost is not None:
        raise lost


def in_file(path: str, secrets: Iterable[str]) -> None:
    """One that has a secret is replaced by a copy without it; where there is no room for the copy, the file goes.

    Links are not followed: whoever left them may mean another's file.
    """
    known = list(secrets)
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with os.fdopen(number, "rb") as file:
        state = os.fstat(number)
        if not stat.S_ISREG(state.st_mode) or not _has_any(file, known):
            return
        part = os.path.join(os.path.dirname(path), f".{os.getpid()}.masked")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as copy:
                copy.writelines(_pieces(file, Masker(known)))
                os.fchmod(copy.fileno(), stat.S_IMODE(state.st_mode))
                os.fchown(copy.fileno(), state.st_uid, state.st_gid)
            os.replace(part, path)
        except OSError:
            for name in (part, path):
                if os.path.lexists(name):
                    os.unlink(name)
            raise


def _has_any(file: BinaryIO, secrets: "list[str]") -> bool:
    masker = Masker(secrets)
    return any(masker.hits for _ in _pieces(file, masker))


def _pieces(file: BinaryIO, masker: Masker) -> Iterator[bytes]:
    file.seek(0)
    for data in iter(lambda: file.read(_CHUNK), b""):
        yield masker.feed(data)
    yield masker.end()


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
