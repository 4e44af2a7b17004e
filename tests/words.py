"""The catalogues: every text of the pages, and what it is called in other languages.

python -m tests.words            texts of the sources into messages.pot and all catalogues, which are then compiled
python -m tests.words --add nl   the same, with an empty catalogue for one more language
python -m tests.words --check    whether all that has been done; says what is missing
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages import Catalog, Message, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from webapp.language import FOLDER

ROOT = FOLDER.parent.parent
POT = FOLDER / "messages.pot"
SOURCES = [
    ("webapp/**/*.py", "python"),
    ("static/*.js", "javascript"),
    ("templates/**/*.html", "jinja2.ext:babel_extract"),
]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
HOLES = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")
HEAD = "# The texts of Muster. `make words` writes this file anew."
Text = str | tuple[str, ...]


class Words(Catalog):
    """Nothing in its head says when or by whom it was made, so that it changes only with its texts."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:  # type: ignore[override]
        told = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "8bit")]
        if self.locale:
            told += [("Language", str(self.locale)), ("Plural-Forms", self.plural_forms)]
        return told


@cache
def texts() -> frozenset[Text]:
    """All that the sources ask for."""
    return frozenset(
        text for pattern, method in SOURCES for path in ROOT.glob(pattern) for text in _texts(path, method)
    )


def _texts(path: Path, method: str) -> Iterator[Text]:
    with path.open("rb") as file:
        for _, text, _, _ in extract.extract(method, file, KEYWORDS, options={"encoding": "utf-8", "silent": "false"}):
            yield text


def languages() -> list[str]:
    return sorted(path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/muster.po"))


def po(code: str) -> Path:
    return FOLDER / code / "LC_MESSAGES" / "muster.po"


def read(code: str) -> Catalog:
    with po(code).open("rb") as file:
        return read_po(file, locale=code)


def fresh(code: str = "") -> Words:
    """The texts of today, with the translations that there are."""
    known = {message.id: message.string for message in read(code)} if code and po(code).exists() else {}
    words = Words(locale=code or None, fuzzy=False, header_comment=HEAD)
    for text in sorted(texts(), key=_place):
        words.add(text, known.get(text) or "")
    return words


def _place(text: str | tuple[str, ...]) -> tuple[str, str]:
    """Texts that differ in their case alone have an order, too."""
    first = text if isinstance(text, str) else text[0]
    return first.lower(), first


def written(words: Catalog) -> bytes:
    into = io.BytesIO()
    write_po(into, words, width=0, no_location=True)
    return into.getvalue()


def compiled(words: Catalog) -> bytes:
    into = io.BytesIO()
    write_mo(into, words)
    return into.getvalue()


def update() -> None:
    POT.write_bytes(written(fresh()))
    for code in languages():
        words = fresh(code)
        po(code).write_bytes(written(words))
        po(code).with_suffix(".mo").write_bytes(compiled(words))
        done = sum(map(translated, messages(words)))
        print(f"{code}: {done} of {len(words)} texts translated")


def messages(words: Catalog) -> list[Message]:
    return [message for message in words if message.id]


def translated(message: Message) -> bool:
    return all([message.string] if isinstance(message.string, str) else message.string)


def complaints() -> Iterator[str]:
    with POT.open("rb") as file:
        noted = {message.id for message in messages(read_po(file))}
    yield from (f"messages.pot lacks {text!r}" for text in texts() - noted)
    yield from (f"messages.pot has {text!r}, which no source asks for" for text in noted - texts())
    for code in languages():
        words = fresh(code)
        yield from (f"{code}: {problem}" for message in messages(words) for problem in misplaced(message))
        if po(code).with_suffix(".mo").read_bytes() != compiled(words):
            yield f"{code}: muster.mo is not what muster.po says"


def misplaced(message: Message) -> Iterator[str]:
    """A translation has the holes of its text; a plural form may do without those that not every form has."""
    if not translated(message):
        return
    forms = [holes(text) for text in _each(message.id)]
    needed = set.intersection(*forms) - ({"num"} if len(forms) > 1 else set())
    for string in _each(message.string):
        if extra := holes(string) - set.union(*forms):
            yield f"{string!r} has {', '.join(sorted(extra))}, which its text has not"
        if missing := needed - holes(string):
            yield f"{string!r} lacks {', '.join(sorted(missing))}"


def holes(text: str) -> set[str]:
    return {first or second for first, second in HOLES.findall(text)}


def _each(texts: Text | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def main() -> None:
    parser = argparse.ArgumentParser(prog="words")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--add", metavar="LANGUAGE", default="")
    given = parser.parse_args()
    if given.check:
        found = list(complaints())
        sys.exit("\n".join([*found, "The catalogues are not in step: make words"]) if found else 0)
    if given.add and not po(given.add).exists():
        po(given.add).parent.mkdir(parents=True)
        po(given.add).write_bytes(written(fresh(given.add)))
    update()


if __name__ == "__main__":
    main()
