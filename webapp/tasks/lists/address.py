"""What a list of tasks shows, as its address says it: always in the same order, without what is empty.

What was typed into the search box stays as it was typed, and `since=24h` stays relative, so that a shared address
means the same tomorrow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from webapp.tasks.lists.filters import KEYS, PEOPLE, SYNONYMS, quoted

SIZES = (25, 50, 100)
GROUPINGS = ("batch", "none", "agent", "plugin")
SPAN = re.compile(r"\d+\s*[smhdw]?", re.I)
SAID = re.compile(r"(?:^|\s)(?:since|until):\d+[smhdw]?(?:\s|$)", re.I)
MINE = re.compile(r":\"?me\b", re.I)
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Address:
    filters: Pairs = ()
    per: int = SIZES[0]
    group_by: str = GROUPINGS[0]
    after: int | None = None  # the page of older ones
    before: int | None = None  # the page of newer ones
    seen: int | None = None  # a poll says so: the newest that it has shown, or 0

    @classmethod
    def of(cls, args: MultiDict[str, str]) -> Address:
        per = args.get("per", type=int)
        places = {name: args.get(name, type=int) for name in ("after", "before", "seen")}
        group_by = args.get("group_by", "")
        group_by = group_by if group_by in GROUPINGS else GROUPINGS[0]
        return cls(_filters(args), per if per in SIZES else SIZES[0], group_by, **places)

    @property
    def query(self) -> str:
        """The filters alone: what "all that match" means."""
        return _encoded(self.filters)

    @property
    def view(self) -> str:
        """What is kept under a name: the filters, and how their tasks are grouped."""
        return _encoded([*self.filters, *self._grouping])

    @property
    def in_batches(self) -> bool:
        return self.group_by == GROUPINGS[0]

    @property
    def _grouping(self) -> Pairs:
        return () if self.in_batches else (("group_by", self.group_by),)

    @property
    def by_the_clock(self) -> bool:
        """Does what it shows change though nothing happens?"""
        times = [value for name, value in self.filters if name in ("since", "until")]
        return any(SPAN.fullmatch(value) for value in times) or bool(SAID.search(self.q))

    @property
    def personal(self) -> bool:
        """Does it show something else to somebody else?"""
        return ("me" in [value for name, value in self.filters if name in PEOPLE]) or bool(MINE.search(self.q))

    @property
    def polled(self) -> bool:
        return self.seen is not None

    def url(self, path: str = "/tasks", **more: int | str) -> str:
        """The first page, unless `after`, `before` or `seen` say otherwise."""
        pairs = [*self.filters, *self._grouping, *((("per", str(self.per)),) if self.per != SIZES[0] else ())]
        query = _encoded([*pairs, *((name, str(value)) for name, value in more.items())])
        return f"{path}?{query}" if query else path

    def here(self, path: str = "/tasks", **more: int) -> str:
        """This very page."""
        place = {"after": self.after, "before": self.before}
        return self.url(path, **{name: value for name, value in place.items() if value is not None}, **more)

    def sizes(self, path: str = "/tasks") -> list[tuple[int, str, bool]]:
        """For the pager: each size, its address, whether it is the present one."""
        return [(size, replace(self, per=size).url(path), size == self.per) for size in SIZES]

    def groupings(self) -> list[tuple[str, str, bool]]:
        """For the menu: each way to group, its address, whether it is the present one."""
        return [(by, replace(self, group_by=by).url(), by == self.group_by) for by in GROUPINGS]

    def of_group(self, key: str, value: str) -> str:
        """The tasks of one group alone."""
        return replace(self, filters=tuple(sorted({*self.filters, (key, value)}))).url()

    def without(self, name: str, value: str) -> Address:
        return replace(self, filters=tuple(pair for pair in self.filters if pair != (name, value)))

    def only(self, *filters: tuple[str, str]) -> Address:
        return replace(self, filters=tuple(sorted(filters)))

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.filters if key == name)

    @property
    def q(self) -> str:
        return " ".join(self.values("q"))

    def spoken(self) -> str:
        """The same in the language of the search box and the command line."""
        return " ".join(value if name == "q" else f"{name}:{quoted(value)}" for name, value in self.filters)


def _filters(args: MultiDict[str, str]) -> Pairs:
    names = {name: SYNONYMS.get(name, name) for name in args}
    known = {"q", *KEYS}
    found = {
        (names[key], value.strip()) for key, value in args.items(multi=True) if names[key] in known and value.strip()
    }
    return tuple(sorted(found))


def _encoded(pairs: object) -> str:
    return urlencode(pairs, safe=":,*/|@")  # type: ignore[arg-type]
