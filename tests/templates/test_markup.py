"""What no template may contain, and what every fragment must: the policy, the words, the ids that morphing needs."""

from __future__ import annotations

import re

import pytest

from tests.templates.sources import Elements, body, elements, fragments, markup, names, without_comments

FORBIDDEN_WORDS = re.compile(r"(?<![-_\w])(please|sorry|invalid|oops|forbidden|error occurred)(?![-_\w])", re.I)
HTMX = {"get", "post", "target", "swap", "trigger", "push-url", "sync", "include", "indicator", "disable", "vals"}
MARKS = {"ignore", "morph-skip", "morph-skip-children", "status"}
ONCE = {"base.html": {"boost"}}  # one form, which all buttons of rows belong to


@pytest.mark.parametrize("name", names())
def test_nothing_that_the_policy_refuses(name: str) -> None:
    for _, tag, attributes in elements(name):
        assert tag != "style", f"{name}: styles belong in app.css"
        assert tag != "script" or attributes.get("src"), f"{name}: scripts belong in static/"
        for attribute, value in attributes.items():
            assert attribute != "style", f"{name}: a style attribute on <{tag}>"
            assert not re.match(r"on[a-z]+$|hx-on", attribute), f"{name}: {attribute} on <{tag}>"
            assert not re.match(r"\s*(js|javascript):", value or ""), f"{name}: code in {attribute}"


@pytest.mark.parametrize("name", names())
def test_only_the_htmx_attributes_that_the_pages_agreed_on(name: str) -> None:
    for _, tag, attributes in elements(name):
        for attribute, value in attributes.items():
            if not attribute.startswith("hx-"):
                continue
            known = attribute.removeprefix("hx-").split(":")[0]
            assert known in HTMX | MARKS | ONCE.get(name, set()), f"{name}: {attribute} on <{tag}>"
            assert known != "trigger" or "[" not in (value or ""), f"{name}: a trigger filter needs eval"


@pytest.mark.parametrize("name", names())
def test_what_works_with_htmx_works_without_it(name: str) -> None:
    """A request sits on something that has an address of its own, unless only a script makes it."""
    for _, tag, attributes in elements(name):
        if not {"hx-get", "hx-post"} & attributes.keys():
            continue
        plain = attributes.keys() & {"href", "action", "formaction"}
        own_event = re.match(r"poll|change|input", attributes.get("hx-trigger") or "")
        scripted = "script-only" in (attributes.get("class") or "").split()
        assert plain or own_event or scripted, (
            f"{name}: <{tag} {attributes.get('hx-get') or attributes.get('hx-post')}>"
        )


@pytest.mark.parametrize("name", names())
def test_nothing_is_marked_safe(name: str) -> None:
    assert not re.search(r"\|\s*safe\b|autoescape false", without_comments(name))


@pytest.mark.parametrize("name", names())
def test_words(name: str) -> None:
    found = FORBIDDEN_WORDS.search(without_comments(name))
    assert not found, f"{name}: “{found[0]}”: say what happened and what to do"


@pytest.mark.parametrize("name", fragments())
def test_a_fragment_stands_alone(name: str) -> None:
    assert "{% extends" not in without_comments(name)
    roots = [(tag, attributes) for depth, tag, attributes in Elements(body(name)).found if depth == 0]
    if not roots and body(name).strip() == "x":
        return  # all of it is one macro's
    assert len(roots) == 1, f"{name} has {len(roots)} roots: {[tag for tag, _ in roots]}"
    assert "id" in roots[0][1], f"{name}: its root <{roots[0][0]}> has no id"


@pytest.mark.parametrize("name", fragments())
def test_what_morphing_must_find_again_has_an_id(name: str) -> None:
    """Without ids a tick moved to another task when a poll brought rows."""
    rows = re.sub(r"<thead\b.*?</thead>", "", markup(name), flags=re.S)
    for tag, attributes in re.findall(r"<(tr|input|select|textarea|details)\b([^>]*)", rows):
        hidden = re.search(r'type="hidden"', attributes)
        assert hidden or re.search(r"\bid=", attributes), f"{name}: <{tag}{attributes}>"


@pytest.mark.parametrize("name", names())
def test_selection_boxes_are_never_morphed(name: str) -> None:
    for cell in re.findall(r'<td\b[^>]*>\s*<input[^>]*name="ids"', markup(name)):
        assert "hx-morph-skip" in cell, f"{name}: {cell}"
