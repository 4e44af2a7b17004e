"""Which tasks: the one filter that the pages' URL, the search box, REST, bulk and the command line share.

Every key may stand in the query string (`status=failed&agent=web-1`) or in the search box
(`status:failed agent:web-* since:24h "free words"`); both make the same `Filter`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Protocol

from webapp.language import _
from webapp.tasks import duration, states
from webapp.tasks.reasons import Reason
from webapp.tasks.states import Outcome, Status, Trigger, unknown


class FilterError(ValueError):
    """One key cannot be used; `near` is what was probably meant."""

    def __init__(self, key: str, text: str, near: str | None = None):
        super().__init__(text)
        self.key, self.text, self.near = key, text, near


class Args(Protocol):
    def getlist(self, key: str) -> list[str]: ...
    def __iter__(self) -> Any: ...


@dataclass(frozen=True)
class Filter:
    words: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    plugin: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    org: tuple[str, ...] = ()
    definition: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    schedule: tuple[str, ...] = ()
    trigger: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    limit: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    notes: bool = False

    @property
    def statuses(self) -> frozenset[Status]:
        return states.selected(list(self.status))

    @property
    def empty(self) -> bool:
        return self == Filter()

    def plain(self) -> list[tuple[str, str]]:
        """The canonical query string's pairs: sorted, without what is empty."""
        pairs: list[tuple[str, str]] = [("q", " ".join(quoted(word) for word in self.words))] if self.words else []
        for name in LISTS:
            pairs += [(name, value) for value in sorted(getattr(self, name))]
        for name in ("since", "until"):
            if moment := getattr(self, name):
                pairs.append((name, moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
        return sorted([*pairs, *([("notes", "1")] if self.notes else [])])


LISTS = tuple(f.name for f in fields(Filter) if f.name not in ("words", "since", "until", "notes"))
KEYS = (*LISTS, "since", "until", "notes")
SYNONYMS = {
    "source": "trigger",
    "failure": "reason",
    "created_by": "by",
    "host": "agent",
    "kind": "type",
    "has": "notes",
}
PEOPLE = ("owner", "by", "mentions")  # where `me` is whoever asks
TOKEN = re.compile(r'(?:([A-Za-z_]+):)?(?:"([^"]*)"|(\S+))')


def parse(args: Args, now: datetime, me: str = "") -> Filter:
    """From a query string. Keys that lists know for themselves (per, after, …) are not ours to refuse.

    `me`: the name of whoever asks.
    """
    chosen = Filter()
    for text in args.getlist("q"):
        chosen = _words(chosen, text, now)
    for key in args:
        name = SYNONYMS.get(key, key)
        if name in KEYS:
            for value in args.getlist(key):
                if value.strip():
                    chosen = _add(chosen, name, value.strip(), now)
    return _of(chosen, me) if me else chosen


def _of(chosen: Filter, me: str) -> Filter:
    people = {name: tuple(me if value == "me" else value for value in getattr(chosen, name)) for name in PEOPLE}
    return replace(chosen, **people)  # type: ignore[arg-type]


def _words(chosen: Filter, text: str, now: datetime) -> Filter:
    for match in TOKEN.finditer(text):
        key, value = match[1], match[2] if match[2] is not None else match[3]
        if not value:
            continue
        if key is None:
            chosen = replace(chosen, words=(*chosen.words, value))
            continue
        name = SYNONYMS.get(key.lower(), key.lower())
        if name not in KEYS:
            near = get_close_matches(name, [*KEYS, *SYNONYMS], 1)
            raise FilterError(
                "q",
                unknown(_('Unknown filter "%(name)s".', name=key), near),
                near[0] if near else None,
            )
        chosen = _add(chosen, name, value, now)
    return chosen


def _add(chosen: Filter, name: str, value: str, now: datetime) -> Filter:
    if name in ("since", "until"):
        return replace(chosen, **{name: _moment(name, value, now)})  # type: ignore[arg-type]
    if name == "notes":
        return replace(chosen, notes=value.lower() in ("1", "true", "yes", "notes", "note"))
    values = [part for part in value.split(",") if part] if name in CHOICES else [value]
    values = [_known(name, part) for part in values]
    return replace(chosen, **{name: tuple(dict.fromkeys((*getattr(chosen, name), *values)))})  # type: ignore[arg-type]


CHOICES: dict[str, Iterable[str]] = {
    "status": [*Status, *states.ALIASES],
    "trigger": list(Trigger),
    "reason": list(Reason),
    "outcome": list(Outcome),
}


def _known(name: str, value: str) -> str:
    if name not in CHOICES:
        return value
    value = value.lower()
    if value not in CHOICES[name]:
        near = get_close_matches(value, list(CHOICES[name]), 1)
        raise FilterError(
            name,
            unknown(_('Unknown %(filter)s "%(name)s".', filter=name, name=value), near),
            near[0] if near else None,
        )
    return value


def _moment(name: str, value: str, now: datetime) -> datetime:
    """A length before now (24h, 7d), a day, or a moment."""
    try:
        return now - timedelta(seconds=duration.seconds(value))
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(value)
        if name == "until" and len(value) == 10:
            moment += timedelta(days=1)  # until a day includes it
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FilterError(
            name, _('"%(value)s" is no time. Enter one like 24h, 7d or 2026-11-20', value=value)
        ) from None


def quoted(word: str) -> str:
    return f'"{word}"' if re.search(r"[\s:]", word) else word
