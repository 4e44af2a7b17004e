"""No text that a person reads stands in a template by itself: each is asked of a catalogue, also where no test goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from jinja2 import nodes

from tests.templates.sources import EXPRESSION, STATEMENT, environment, names, without_comments

ASKS = {"_", "gettext", "ngettext"}
READ = {"abbr", "alt", "aria-label", "data-confirm", "data-dialog", "data-yes", "placeholder", "title"}
ASKED = re.compile(r"\{%-? trans\b.*?endtrans -?%\}", re.S)
CLASSES = re.compile(r"\{% block outside %\}.*?\{% endblock %\}")
TAG = re.compile(r"(?<=<)\{\{.*?\}\}|(?<=</)\{\{.*?\}\}")
ATTRIBUTE = re.compile(r"hx-[\w-]+=\"[^\"]*\"")  # of a macro that gives only some
TAKEN_OUT = {ASKED: "", CLASSES: "", TAG: "b", EXPRESSION: "…", STATEMENT: "", ATTRIBUTE: ""}
WORD = re.compile(r"[^\W\d_]{2,}")
SENTENCE = re.compile(r"[A-Z“][a-z’]+(?![A-Za-z])")  # "Save", "Save these"; not "RadioField"
# The same in every language: names, keys, and what is typed.
KEPT = {"Muster", "OpenAPI", "SHA", "UTC", "TID", "ADHOC", "Esc", "Ctrl", "Shift", "Enter", "End", "enr"}
KEPT_TEXTS = {"status:failed agent:web-* timeout"}

env = environment()


class Texts(HTMLParser):
    """What stands between the tags of a source, and in attributes, with the parts of Jinja taken out."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[str] = []
        for parts, instead in TAKEN_OUT.items():
            source = parts.sub(instead, source)
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in READ and value and value not in KEPT_TEXTS]

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def unasked(node: nodes.Node) -> Iterator[str]:
    """The texts among the strings of expressions."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and SENTENCE.match(node.value):
        yield node.value
    asks = isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in ASKS
    for child in node.iter_child_nodes():
        if not (asks and isinstance(child, nodes.Const)):
            yield from unasked(child)


def bare(source: str) -> list[str]:
    texts = (*Texts(source).found, *unasked(env.parse(source)))
    return [text.strip() for text in texts if set(WORD.findall(text)) - KEPT]


@pytest.mark.parametrize("name", names())
def test_every_text_is_asked_of_a_catalogue(name: str) -> None:
    found = bare(without_comments(name))
    assert not found, f"{name}: {found}"


def test_a_bare_text_is_seen() -> None:
    source = '<p title="Saved {{ n }} times">{{ action(url, "Save", "danger") }} {{ _("Saved") }} now</p>'
    assert bare(source) == ["Saved … times", "… … now", "Save"]
