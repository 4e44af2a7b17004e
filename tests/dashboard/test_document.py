"""Documents as the help shows them."""

from __future__ import annotations

import re

import pytest

from tests.browser import Browser
from tests.cast import Cast
from webapp.dashboard.document import read
from webapp.dashboard.views import help

HEADING = re.compile(r'<h[23] id="([^"]+)">')
LINK = re.compile(r'href="(/help/[^"]*|#[^"]+)"')


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("# A\n\none\nparagraph\n\nanother", ["heading", "p", "p"]),
        ("| a | b |\n|---|---|\n| `x | y` | **z** |\nafter", ["table", "p"]),
        ("```json\n# no heading\n\n- no item\n```\nafter", ["pre", "p"]),
        ("text\n- a\n- b\n\n1. c", ["p", "ul", "ol"]),
        ("```\nnever closed", ["pre"]),
        ("- a\n  goes on\n\n  ```\n  code\n  ```\n- b\n\nafter", ["ul", "p"]),
    ],
)
def test_what_it_knows(text: str, kinds: list[str]) -> None:
    assert [block.kind for block in read(text, "x")] == kinds


def test_cells_items_and_lines_hold_together() -> None:
    table = read("| a | b |\n|---|---|\n| `x | y` | c \\| d |", "x")[0]
    assert table.rows[1] == ["<code>x | y</code>", "c | d"]
    items = read("- a\n  goes on\n\n  ```\n  code\n  ```\n- b", "x")[0].items
    assert [[(block.kind, block.text) for block in item] for item in items] == [
        [("p", "a goes on"), ("pre", "code")],
        [("p", "b")],
    ]


def test_headings_can_be_linked_to_and_links_lead_to_pages_of_ours() -> None:
    first, second, text = read(
        "## Why *now*?\n## Why now?\n[a](#why-now) [b](concepts.md#states) [c](https://x.y)", "me"
    )
    assert (first.anchor, second.anchor) == ("why-now", "why-now-1")
    for href in ("/help/me#why-now", "/help/concepts#states", "https://x.y"):
        assert f'href="{href}"' in text.text


def test_markup_in_a_document_is_text() -> None:
    assert read("<script>1</script>", "x")[0].text == "&lt;script&gt;1&lt;/script&gt;"


def test_every_link_between_documents_leads_somewhere(client: Browser, cast: Cast) -> None:
    client.login("viewer")
    pages = {path.stem: client.get(f"/help/{path.stem}").text for path in help.DOCS.glob("*.md")}
    for name, page in pages.items():
        article = page[page.index("<article") : page.index("</main>")]
        for link in LINK.findall(article):
            document, _, anchor = link.removeprefix("/help/").partition("#")
            assert (document or name) in pages, link
            assert not anchor or anchor in HEADING.findall(pages[document or name]), link
        assert "```" not in article and "](" not in article and "\n## " not in article
