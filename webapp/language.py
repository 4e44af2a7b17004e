"""The language of the pages. Every text is written in English; a catalogue may know it in another language.

    _("Cancel")    _("%(name)s is deleted", name=name)    ngettext("%(num)s task", "%(num)s tasks", n)

A text is translated when it is made for somebody who looks at a page; `N_` marks one that stands in a table until then.
Programs are answered in English, and what is stored is English: nobody has chosen a language there.
"""

from __future__ import annotations

import gettext as catalogues
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from webapp import pseudo

ENGLISH = "en"
COOKIE = "muster_language"
FOLDER = Path(__file__).parent / "translations"

_chosen_cookie = re.compile(rf"(?:^|;\s*){COOKIE}=([\w-]{{1,20}})")


class Catalogue(catalogues.GNUTranslations):
    code = ENGLISH


Words = Catalogue | pseudo.Words

_words: ContextVar[Words | None] = ContextVar("words", default=None)  # None: English, which needs no looking up


def gettext(text: str, /, **values: Any) -> str:
    said = _said(text)
    return said % values if values else said


def ngettext(one: str, many: str, num: int, /, **values: Any) -> str:
    return _counted(one, many, num) % ({"num": num} | values)


def N_(text: str) -> str:
    """Marks a text that is translated later, by `_` with a name in it."""
    return text


_ = gettext


def current() -> str:
    words = _words.get()
    return words.code if words else ENGLISH


def speak(code: str) -> None:
    """From here on, in this thread."""
    _words.set(words_of(code))


@contextmanager
def in_english() -> Iterator[None]:
    """For what is stored: others read it, too."""
    before = _words.set(None)
    try:
        yield
    finally:
        _words.reset(before)


@cache
def shipped() -> tuple[str, ...]:
    return tuple(sorted(path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/muster.mo")))


def offered(with_pseudo: bool) -> tuple[str, ...]:
    return ENGLISH, *shipped(), *((pseudo.CODE,) if with_pseudo else ())


@cache
def words_of(code: str) -> Words | None:
    if code == pseudo.CODE:
        return pseudo.Words()
    if code not in shipped():
        return None
    with (FOLDER / code / "LC_MESSAGES" / "muster.mo").open("rb") as file:
        words = Catalogue(file)
    words.code = code
    return words


def own_name(code: str) -> str:
    """As those who speak it write it: each catalogue says so itself."""
    if code == pseudo.CODE:
        return code
    words = words_of(code)
    return words.gettext(N_("Name of this language")) if words else "English"


def chosen(among: Sequence[str], preferred: str, cookies: str, accepts: str) -> str:
    """What somebody set, else what this browser was told, else what it asks for; `cookies` and `accepts` are headers."""
    if preferred in among or len(among) == 1:
        return preferred if preferred in among else ENGLISH
    kept = _chosen_cookie.search(cookies)
    if kept and kept[1] in among:
        return kept[1]
    return _accepted(tuple(among), accepts)


@lru_cache(maxsize=256)
def _accepted(among: tuple[str, ...], header: str) -> str:
    """The language asked for most that there is: `de` for a `de-AT`."""
    asked = sorted((_weighed(part) for part in header.split(",")), key=lambda each: -each[0])
    known = {code.lower(): code for code in among}
    for weight, tag in asked:
        found = known.get(tag) or known.get(tag.partition("-")[0])
        if found and weight > 0:
            return found
    return ENGLISH


def _weighed(part: str) -> tuple[float, str]:
    tag, _, weight = part.partition(";")
    given = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight)
    return (float(given[1]) if given else 1.0), tag.strip().lower()


def _said(text: str) -> str:
    words = _words.get()
    return text if words is None or not text else words.gettext(text)


def _counted(one: str, many: str, num: int) -> str:
    words = _words.get()
    if words is None:
        return one if num == 1 else many
    return words.ngettext(one, many, num)


# In templates: the text itself is escaped, and so is each value that is not markup. So a label from anywhere can be shown.


def in_template(text: str, /, **values: Any) -> str:
    said = _said(text)
    return escape(said) % values if values else said


def counted_in_template(one: str, many: str, num: int, /, **values: Any) -> Markup:
    return escape(_counted(one, many, num)) % ({"num": num} | values)


def block(text: str, /, **values: Any) -> Markup:
    """`{% trans %}`: markup that stands in the template."""
    return Markup(_said(text)) % values
