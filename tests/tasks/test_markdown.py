"""What notes may use of Markdown, and that nothing else ever comes out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.tasks.markdown import render

ALLOWED = re.compile(
    r"</?(?:p|ul|ol|li|blockquote|pre|code|strong|em|del)>|<br>|</a>"
    r'|<a href="(?:https?://|/(?!/))[^"<>\s]*" rel="nofollow noopener noreferrer">'
)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb\n\nc", "<p>a<br>b</p>\n<p>c</p>"),
        ("**a *b* c** ~~d~~ `e*f*`", "<p><strong>a <em>b</em> c</strong> <del>d</del> <code>e*f*</code></p>"),
        ("- a\n* b\n1. c", "<ul><li>a</li><li>b</li></ul>\n<ol><li>c</li></ol>"),
        ("> a\n> b", "<blockquote>a<br>b</blockquote>"),
        ("# Head ##", "<p><strong>Head</strong></p>"),
        ("```\n<b>\n\n**x**\n```\nafter", "<pre><code>&lt;b&gt;\n\n**x**</code></pre>\n<p>after</p>"),
        ("2 * 3 * 4 and a_b_c", "<p>2 * 3 * 4 and a_b_c</p>"),
    ],
)
def test_what_it_knows(text: str, html: str) -> None:
    assert str(render(text)) == html


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("[a](https://x.y/?a=1&b=2)", "https://x.y/?a=1&amp;b=2"),
        ("[a](/tasks/1)", "/tasks/1"),
        ("see http://x.y/z.", "http://x.y/z"),
        ("<http://x.y>", "http://x.y"),
    ],
)
def test_links(text: str, href: str) -> None:
    assert f'<a href="{href}" rel=' in render(text)


@pytest.mark.parametrize(
    "text",
    ["[a](javascript:alert(1))", "[a](//evil.example)", "[a](data:text/html,x)", "javascript:alert(1)", "[a]( /x)"],
)
def test_what_is_no_link(text: str) -> None:
    assert "<a" not in render(text)


@given(st.text(alphabet="ab *_`~#>-[]()<&\"'\n\\/:.1httpsjavscrit\u202e\x00", max_size=200))
def test_only_these_tags_come_out(text: str) -> None:
    rest = ALLOWED.sub("", str(render(text)))
    assert not re.search(r"[<>\x00\u202e]", rest)


@pytest.mark.parametrize(
    "unit",
    ["**a ", "`a", "[", "[a](", "*a*", "~~", "http://", "> ", "#", "- ", "# #", "***", "http://a.", "[a](http://"],
)
def test_no_text_takes_long(unit: str) -> None:
    render(unit * (10_000 // len(unit)))
