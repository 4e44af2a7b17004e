"""Whose words a page speaks: they never mix, and what nobody reads on a page is English."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask, render_template_string
from sqlalchemy.orm import Session

from tests.browser import HTMX, Browser
from webapp import language, pseudo
from webapp.config import Settings
from webapp.kept import pieces
from webapp.language import N_, chosen, in_template, ngettext

URL = "/admin/users"
PSEUDO = f"{language.COOKIE}={pseudo.CODE}"
AMONG = ("en", "de", "nl", "en-XA")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, pseudo=True)


@pytest.fixture
def alice(client: Browser) -> Browser:
    return client.login("alice")


@pytest.fixture
def in_pseudo() -> Iterator[None]:
    language.speak(pseudo.CODE)
    yield
    language.speak("en")


@pytest.mark.parametrize(
    ("preferred", "cookies", "accepts", "expected"),
    [
        ("de", PSEUDO, "nl", "de"),
        ("", f"a=b; {language.COOKIE}=de; c=d", "nl", "de"),
        ("fr", f"{language.COOKIE}=fr", "nl", "nl"),
        ("", "", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "", "en;q=0.5, fr, nl;q=0.7", "nl"),
        ("", "", "de;q=0", "en"),
        ("", "", "en-GB,de;q=0.9", "en"),
        ("", "", "*;q=x,,;", "en"),
        ("", "", "", "en"),
    ],
)
def test_the_language(preferred: str, cookies: str, accepts: str, expected: str) -> None:
    """What somebody set, then what the browser was told, then what it asks for, and else English."""
    assert chosen(AMONG, preferred, cookies, accepts) == expected


def test_a_page_says_which_language_it_speaks(alice: Browser) -> None:
    page = alice.get(URL, headers={"Accept-Language": "en-XA"})
    assert '<html lang="en-XA"' in page.text and page.headers["Content-Language"] == "en-XA"
    assert "Accept-Language" in alice.get(URL, headers=HTMX).headers["Vary"]
    assert '<html lang="en"' in alice.get(URL, headers={"Accept-Language": "fr"}).text


def test_what_somebody_set_wins_and_is_remembered_after_signing_out(alice: Browser) -> None:
    saved = alice.post("/me/prefs", data={"language": "en-XA"})
    assert saved.status_code == 303
    assert '<html lang="en-XA"' in alice.get(URL, headers={"Accept-Language": "en"}).text
    assert '<html lang="en-XA"' in alice.forget().get("/login").text


def test_the_browser_s_language_can_be_had_again(alice: Browser) -> None:
    alice.post("/me/prefs", data={"language": "en-XA"})
    alice.post("/me/prefs", data={"language": ""})
    assert '<html lang="en"' in alice.get(URL).text
    assert '<html lang="en"' in alice.forget().get("/login").text


def test_only_a_language_that_exists_can_be_set(alice: Browser) -> None:
    assert alice.post("/me/prefs", data={"language": "tlh"}).status_code == 422


def test_the_pseudo_language_is_for_those_who_ask_for_it(app: Flask, alice: Browser) -> None:
    assert "en-XA" in alice.get("/me/appearance").text
    app.extensions["languages"] = language.offered(with_pseudo=False)
    assert "en-XA" not in alice.get("/me/appearance").text
    assert '<html lang="en"' in alice.get(URL, headers={"Accept-Language": "en-XA"}).text


def test_a_poll_in_one_language_is_not_answered_in_another(alice: Browser) -> None:
    english = alice.get(URL, headers=HTMX)
    alice.set_cookie(language.COOKIE, pseudo.CODE)
    other = alice.get(URL, headers=HTMX | {"If-None-Match": english.headers["ETag"]})
    assert other.status_code == 200 and other.headers["ETag"] != english.headers["ETag"]
    assert pseudo.OPEN in other.text and pseudo.OPEN not in english.text


def test_the_gate_hands_out_a_fragment_in_the_reader_s_language(alice: Browser) -> None:
    """An old tag makes it look among the fragments that were rendered before."""
    old = alice.get(URL, headers=HTMX).headers["ETag"]
    alice.post("/me/prefs", data={"theme": "dark"})
    for spoken in ("en", "en-XA"):
        words = HTMX | {"Accept-Language": spoken}
        first, second = alice.get(URL, headers=words), alice.get(URL, headers=words | {"If-None-Match": old})
        assert "X-Request-Id" not in second.headers and second.text == first.text
        assert (pseudo.OPEN in second.text) == (spoken == "en-XA")


def test_kept_markup_is_kept_for_each_language(app: Flask) -> None:
    pieces.clear()
    source = "{% macro told(n) %}{{ _('Rows') }} {{ n }}{% endmacro %}{{ kept(told, 2) }}"
    template = app.jinja_env.from_string(source)
    said = []
    for code in ("en", "en-XA", "en"):
        language.speak(code)
        with app.test_request_context():
            said.append(template.render())
    language.speak("en")
    assert said == ["Rows 2", f"{pseudo.longer('Rows')} 2", "Rows 2"]


def test_programs_are_answered_in_english(alice: Browser, session: Session) -> None:
    words = {"Accept-Language": "en-XA", "Accept": "application/json"}
    for url in ("/api/v1/tasks/nothing", "/nothing-is-here"):
        answer = alice.get(url, headers=words)
        assert answer.status_code == 404 and pseudo.OPEN not in answer.get_json()["title"]


def test_after_a_request_its_thread_speaks_english_again(app: Flask) -> None:
    with app.test_request_context("/login", headers={"Accept-Language": "en-XA"}):
        app.preprocess_request()
        assert language.current() == "en-XA"
    assert language.current() == "en"


def test_plural_forms(in_pseudo: None) -> None:
    assert [ngettext("%(num)s task", "%(num)s tasks", n)[1:7] for n in (0, 1, 2)] == ["0 ţåšķ", "1 ţåšķ", "2 ţåšķ"]
    language.speak("en")
    assert ngettext("%(num)s task of %(name)s", "%(num)s tasks of %(name)s", 1, name="Ann") == "1 task of Ann"


def test_a_text_and_its_values_are_escaped_unless_they_are_markup(app: Flask) -> None:
    with app.test_request_context():
        shown = render_template_string(
            "{{ _(label) }} {{ _('%(a)s & %(b)s', a=label, b='<i>'|safe) }} {{ ngettext('%(num)s %(a)s', '', 1, a=label) }}",
            label="<b> 5 %",
        )
    assert shown == "&lt;b&gt; 5 % &lt;b&gt; 5 % &amp; <i> 1 &lt;b&gt; 5 %"


def test_no_text_has_no_translation(in_pseudo: None) -> None:
    """The empty message of a catalogue is its head."""
    assert in_template("") == "" and N_("Rows") == "Rows"


def test_a_value_keeps_its_place_in_the_pseudo_language() -> None:
    longer = pseudo.longer("Delete %(name)s and {n} of <b>100</b> %% for &copy; 7?")
    assert all(kept in longer for kept in ("%(name)s", "{n}", "<b>", "</b>", "%%", "&copy;"))
    assert len(longer) >= 1.35 * len("Delete %(name)s and {n} of <b>100</b> %% for &copy; 7?") - 12
    assert pseudo.longer(longer) == longer
