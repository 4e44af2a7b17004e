"""Markup is made once for the same values, for whoever may share it, and never with somebody else's form token."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, render_template_string
from jinja2 import FileSystemLoader

from webapp.kept import Kept, pieces
from webapp.security import csrf_token, masked


def test_the_same_values_are_made_once(app: Flask) -> None:
    pieces.clear()
    macro = app.jinja_env.from_string(
        "{% macro told(words) %}{{ words|join(' ') }}{{ made() }}{% endmacro %}{{ kept(told, words) }}",
        {"made": iter("123").__next__},
    )
    with app.test_request_context():
        assert [macro.render(words=words) for words in (["a", "<b>"], ["a", "<b>"], ["c"])] == [
            "a &lt;b&gt;1",
            "a &lt;b&gt;1",
            "c2",
        ]


def test_macros_of_one_name_in_two_templates_are_two(app: Flask, tmp_path: Path) -> None:
    for name in ("ships", "cats"):
        (tmp_path / name).write_text(f"{{% macro head(n) %}}{{{{ n }}}} {name}{{% endmacro %}}{{{{ kept(head, 2) }}}}")
    env = app.jinja_env.overlay(loader=FileSystemLoader(tmp_path))
    with app.test_request_context():
        assert [env.get_template(name).render() for name in ("ships", "cats")] == ["2 ships", "2 cats"]


def test_each_reader_gets_their_own_form_token(app: Flask) -> None:
    pieces.clear()
    seen = []
    for _ in range(2):
        with app.test_request_context():
            seen.append(
                (render_template_string("{{ kept('_dialogs.html', true, true) }}", principal=True), csrf_token())
            )
    (first, mine), (second, yours) = seen
    assert mine != yours and mine in first and yours in second and mine not in second


def test_within_what_is_shared_no_token_stands(app: Flask) -> None:
    with app.test_request_context(), masked():
        text = render_template_string("{{ kept('_dialogs.html', true, true) }}", principal=True)
    with app.test_request_context():
        assert csrf_token() not in text


def test_the_store_is_bounded() -> None:
    store: Kept[str] = Kept(most=3, bytes=100, size=len)
    for number in range(10):
        store.put(number, "x" * 10)
    assert list(store.values) == [7, 8, 9]
    store.put("big", "x" * 90)
    assert store.get("big") is None
    store = Kept(most=100, bytes=100, size=len)
    for number in range(20):
        store.put(number, "x" * 20)
    assert len(store.values) == 5 and store.held == 100
