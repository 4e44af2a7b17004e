import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.tasks.log.ansi import LONGEST, MOST_SPANS, Marker, Screen, alarming, convert, marker, plain

SPAN = re.compile(r'<span class="a-\d+(?: a-\d+)*">[^<>]*</span>|[^<>]')


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m not", '<span class="a-31">red</span> not'),
        ("\x1b[1;4;32;44mall\x1b[m", '<span class="a-1 a-4 a-32 a-44">all</span>'),
        ("\x1b[1mb\x1b[2md\x1b[22mn", '<span class="a-1">b</span><span class="a-1 a-2">d</span>n'),
        ("\x1b[3;7;9mx\x1b[23;27;29my", '<span class="a-3 a-7 a-9">x</span>y'),
        ("\x1b[91;107mx\x1b[39my\x1b[49mz", '<span class="a-91 a-107">x</span><span class="a-107">y</span>z'),
        ("\x1b[31mone\x1b[31mtwo", '<span class="a-31">onetwo</span>'),
        ("\x1b[38;5;1mx", '<span class="a-31">x</span>'),
        ("\x1b[38;5;9mx", '<span class="a-91">x</span>'),
        ("\x1b[38;5;196mx", '<span class="a-91">x</span>'),
        ("\x1b[48;5;255mx", '<span class="a-47">x</span>'),
        ("\x1b[38;2;250;5;5;1mx", '<span class="a-1 a-91">x</span>'),
        ("\x1b[38:2:0:0:0mx", '<span class="a-30">x</span>'),
        ("\x1b[38;5mx\x1b[38mx\x1b[38;5;999mx\x1b[75mx", "xxxx"),
        ("\x1b[32m", ""),
    ],
)
def test_colours_become_classes(text, shown):
    assert convert(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script> & \"'", "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;&#39;"),
        ("\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1bPsecret\x1b\\text\x9dnever\x9cmore", "textmore"),
        ("\x1b[2J\x1b[10;10Hmoved\x1b[K\x9b5m", "moved"),
        ("\x1b(Bascii\x1b7\x1bc", "ascii"),
        ("nul\x00bel\x07del\x7ftab\t.", "nulbeldeltab\t."),
        ("user\u202egpj.exe\u2066\u200f\ufeff", "usergpj.exe"),
        ("one\u2028two", "onetwo"),
        ("cut \x1b[31", "cut "),
        ("cut \x1b", "cut "),
        ("\x1b[31;onmouseover=x my", "nmouseover=x my"),
        ("naïve 日本 🙂", "naïve 日本 🙂"),
    ],
)
def test_nothing_else_gets_through(text, shown):
    assert convert(text) == shown


def test_a_colour_lasts_over_the_end_of_a_line():
    screen = Screen()
    assert screen.line("\x1b[31mone") == '<span class="a-31">one</span>'
    assert screen.line("two\x1b[0m three") == '<span class="a-31">two</span> three'
    assert screen.line("four") == "four"
    assert convert("\x1b[31ma\nb") == '<span class="a-31">a</span>\n<span class="a-31">b</span>'


@given(st.text(st.sampled_from("\x1b[]m;0138<>&\"'a\x07\x9b\u202e\n ") | st.characters(), max_size=300))
def test_any_text_becomes_harmless_html(text):
    shown = str(convert(text))
    assert SPAN.sub("", shown) == ""
    assert html.unescape(re.sub("<[^>]*>", "", shown)) == "\n".join(plain(line) for line in text.split("\n"))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)


@pytest.mark.parametrize("bomb", ["\x1b[31mx\x1b[32my", "\x1b[", "\x1b]", "\x1b", "\x1b[1;", "x", "<"])
def test_a_bomb_stays_small(bomb):
    """Ten megabytes in one line; that the time is bounded too shows in that this test ends."""
    text = bomb * (10 * 2**20 // len(bomb))
    shown = Screen().line(text)
    assert shown.count("<span") <= MOST_SPANS
    assert len(shown) < LONGEST * 5
    marker(text)
    alarming(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("::group::Install <b>", Marker("begin", "Install <b>", True)),
        ("##[group]Build", Marker("begin", "Build", True)),
        ("::endgroup::", Marker("end", "")),
        ("section_start:1560896352:setup_1\r\x1b[0KSet up", Marker("begin", "Set up")),
        ("\x1b[0Ksection_start:1:a[collapsed=true]\r\x1b[0K\x1b[1mSet up", Marker("begin", "Set up", True)),
        ("section_end:1560896352:setup_1\r\x1b[0K", Marker("end", "")),
        ("--- :package: Build", Marker("begin", ":package: Build", True)),
        ("~~~ Prepare", Marker("begin", "Prepare", True)),
        ("+++ Tests", Marker("begin", "Tests")),
        ("::error file=a.py,line=3::is wrong", Marker("error", "is wrong")),
        ("##[warning]may be wrong", Marker("warning", "may be wrong")),
    ],
)
def test_markers_of_three_build_systems(text, found):
    assert marker(text) == found


@pytest.mark.parametrize(
    "text", ["", "text", "a ::group::", "---", "----- x", "--- a/x.py", "+++ b/x.py", "--- x\t2026"]
)
def test_what_only_looks_like_a_marker(text):
    assert marker(text) is None


@pytest.mark.parametrize(
    ("text", "alarm"),
    [("ERROR: no", True), ("2 failed", True), ("\x1b[1;31mno", True), ("terrors", False), ("\x1b[32mfine", False)],
)
def test_alarming_lines(text, alarm):
    assert alarming(text) is alarm
