"""The part of Markdown that notes may use, as markup that can do nothing.

Everything is escaped first; what is added afterwards is from the fixed list below. Spans have a longest length, so
that the time it takes grows with the length of the text and nothing else.

Paragraphs and line breaks, **bold**, *italic*, ~~struck~~, `code`, fenced code, lists, quotes, headings (as bold
lines), links to http, https and this server, bare addresses, and the @names of those whom a note calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from markupsafe import Markup, escape

_LINK = Markup('<a href="{}" rel="nofollow noopener noreferrer">{}</a>')
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_FENCE = re.compile(r"^ {0,3}```")
_KINDS = (
    ("ul", re.compile(r" {0,3}[-*+] +(?P<rest>.*)")),
    ("ol", re.compile(r" {0,3}\d{1,4}[.)] +(?P<rest>.*)")),
    ("blockquote", re.compile(r" {0,3}> ?(?P<rest>.*)")),
    ("heading", re.compile(r"#{1,6} +(?P<rest>.*)")),
    ("blank", re.compile(r"\s*(?P<rest>)")),
    ("p", re.compile(r"(?P<rest>.*)")),
)
# Of escaped text: quotation marks and angle brackets are entities by now, and cannot end an attribute.
_SPAN = re.compile(
    r"""
      `(?P<code>[^`]{1,500})`
    | \[(?P<label>[^\[\]]{1,300})\]\((?P<href>(?:https?://|/(?!/))[^\s()\\]{0,1000})\)
    | (?P<url>https?://(?:(?!&(?:lt|gt|\#3[49]);)[^\s()\\]){1,1000}(?<![.,:;!?]))
    | (?<![\w@./+-])@(?P<person>[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?)
    | \*\*(?=\S)(?P<bold>.{1,300}?)(?<=\S)\*\*
    | \*(?P<italic>[^\s*](?:[^*]{0,300}?[^\s*])?)\*
    | ~~(?P<struck>[^\s~](?:[^~]{0,300}?[^\s~])?)~~
    """,
    re.VERBOSE,
)
_PERSON = Markup('<a href="/tasks?mentions={}">@{}</a>')
_TAGS = {"code": "code", "bold": "strong", "italic": "em", "struck": "del"}


def render(text: str, people: frozenset[str] = frozenset()) -> Markup:
    """What a person wrote, whatever it is. `people`: of those an @name leads to what else names them."""
    plain = _UNSEEN.sub("", text.replace("\r\n", "\n"))
    return Markup("\n").join(_blocks(plain.split("\n"), people))


def spans(line: str, people: frozenset[str] = frozenset()) -> Markup:
    """One line of it, without the blocks."""
    return Markup(_within(str(escape(line)), people))


def _blocks(lines: list[str], people: frozenset[str]) -> Iterator[Markup]:
    """Fenced code as it is; between fences neighbours of one kind are one block."""
    fenced = False
    for fence, part in groupby(lines, key=lambda line: bool(_FENCE.match(line))):
        if fence:
            fenced ^= len(list(part)) % 2 == 1
        elif fenced:
            yield Markup("<pre><code>{}</code></pre>").format("\n".join(part))
        else:
            for kind, each in groupby((_kind(line) for line in part), key=lambda pair: pair[0]):
                yield from _block(kind, [rest for _, rest in each], people)


def _kind(line: str) -> tuple[str, str]:
    for kind, pattern in _KINDS:
        if match := pattern.fullmatch(line):
            return kind, match["rest"]
    return "p", line


def _block(kind: str, lines: list[str], people: frozenset[str]) -> Iterator[Markup]:
    if kind in ("ul", "ol"):
        items = Markup("").join(Markup("<li>{}</li>").format(spans(line, people)) for line in lines)
        yield Markup("<{0}>{1}</{0}>").format(Markup(kind), items)
    elif kind == "blockquote":
        yield Markup("<blockquote>{}</blockquote>").format(_broken(lines, people))
    elif kind == "heading":
        yield from (Markup("<p><strong>{}</strong></p>").format(spans(line.rstrip(" #"), people)) for line in lines)
    elif kind == "p":
        yield Markup("<p>{}</p>").format(_broken(lines, people))


def _broken(lines: list[str], people: frozenset[str]) -> Markup:
    return Markup("<br>").join(spans(line, people) for line in lines)


def _within(escaped: str, people: frozenset[str]) -> str:
    return _SPAN.sub(lambda match: _span(match, people), escaped)


def _span(match: re.Match[str], people: frozenset[str]) -> str:
    kind = str(match.lastgroup)
    if kind == "href":
        return _LINK.format(Markup(match["href"]), Markup(match["label"]))
    if kind == "url":
        return _LINK.format(Markup(match["url"]), Markup(match["url"]))
    if kind == "person":
        name = match["person"]
        return _PERSON.format(name.lower(), name) if name.lower() in people else match[0]
    inside = match[kind] if kind == "code" else _within(match[kind], people)
    return f"<{_TAGS[kind]}>{inside}</{_TAGS[kind]}>"
