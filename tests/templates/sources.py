"""The templates as text: what a reader of the source sees, with Jinja's parts taken out."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import jinja2

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "static"
TEMPLATES = ROOT / "templates"
VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})

COMMENT = re.compile(r"\{#.*?#\}", re.S)
EXPRESSION = re.compile(r"\{\{.*?\}\}", re.S)
MACRO = re.compile(r"\{%-? macro .*?endmacro -?%\}", re.S)
STATEMENT = re.compile(r"\{%.*?%\}", re.S)


def environment(loader: jinja2.BaseLoader | None = None) -> jinja2.Environment:
    """As strict as the app's, and in the language that the templates are written in."""
    made = jinja2.Environment(
        loader=loader or jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    made.globals["language"] = lambda: "en"
    return made


def names() -> list[str]:
    return sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html"))


def fragments() -> list[str]:
    return [name for name in names() if Path(name).name.startswith("_")]


def without_comments(name: str) -> str:
    return COMMENT.sub("", (TEMPLATES / name).read_text())


def markup(name: str) -> str:
    """Each expression becomes a letter, each statement nothing: all branches stay, one after the other."""
    return plain(without_comments(name))


def body(name: str) -> str:
    """The markup without the macros that the file makes for itself."""
    return plain(MACRO.sub("", without_comments(name)))


def plain(source: str) -> str:
    return STATEMENT.sub("", EXPRESSION.sub("x", source))


class Elements(HTMLParser):
    """Every element of a source, with its attributes and how deep it stands."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.depth = 0
        self.found: list[tuple[int, str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((self.depth, tag, dict(attrs)))
        if tag not in VOID:
            self.depth += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((self.depth, tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag not in VOID


def elements(name: str) -> list[tuple[int, str, dict[str, str | None]]]:
    return Elements(markup(name)).found
