"""The parts that pages are built of, rendered with the strictness of the app."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import jinja2
import pytest
from wtforms import BooleanField, Form, IntegerField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange

from tests.templates.sources import environment

AT = datetime(2026, 11, 21, 7, 31, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def env() -> jinja2.Environment:
    made = environment()
    made.globals.update(asset=lambda path: f"/static/{path}", csrf_token=lambda: "token")
    return made


@pytest.fixture(scope="module")
def show(env: jinja2.Environment) -> Any:
    def render(part: str, call: str, **context: Any) -> str:
        macro = re.match(r"\w+", call)
        assert macro
        source = f'{{% from "ui/{part}.html" import {macro[0]} %}}{{{{ {call} }}}}'
        return env.from_string(source).render(**context)

    return render


class Task(Form):
    name = StringField("Name", [InputRequired("Enter a name")])
    timeout = IntegerField("Timeout", [NumberRange(1, 60, "Enter 1 to 60")], default=30)
    kind = RadioField(
        "What", choices=[SelectChoice("plugin", "Plugin"), SelectChoice("shell", "Shell")], default="plugin"
    )
    online = BooleanField("Online only")


def test_a_badge_has_a_sign_and_a_word(show: Any) -> None:
    html = show("badge", "badge('failed', 'Failed', 'danger')")
    assert "#failed" in html and ">Failed<" in html and 'data-tone="danger"' in html


def test_what_people_wrote_is_text(show: Any) -> None:
    assert "<b>" not in show("badge", "chip(name)", name="<b>x</b>")
    assert "<script" not in show("log", "line(1, parts)", parts=[("a-31", "<script>"), ("", "<script>")])


def test_times_are_utc_and_the_same_whenever_they_are_asked_for(show: Any) -> None:
    html = show("time", "ago(at)", at=AT)
    assert 'datetime="2026-11-21T07:31:04Z"' in html and "2026-11-21 07:31 UTC" in html
    assert "hx-morph-skip-children" in html


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.42, "0.4 s"), (12.44, "12.4 s"), (187, "3:07"), (3729, "1:02:09")]
)
def test_durations(show: Any, seconds: float | None, text: str) -> None:
    assert show("time", "duration(s)", s=seconds) == text


def test_a_field_leads_to_its_error(show: Any) -> None:
    form = Task()
    form.validate()
    html = show("form", "field(form.name, help='Shown in lists')", form=form)
    assert 'aria-describedby="name-help name-error"' in html and 'aria-invalid="true"' in html
    assert 'id="name-error"' in html and "Enter a name" in html


def test_the_summary_names_each_problem_once_and_leads_to_it(show: Any) -> None:
    form = Task(data={"timeout": 90})
    form.validate()
    html = show("form", "errors(form)", form=form)
    assert html.count("<li>") == 2 and 'href="#name"' in html and "Enter 1 to 60" in html


def test_no_problem_no_summary(show: Any) -> None:
    assert show("form", "errors(form)", form=Task()) == ""


def test_choices_stand_under_one_legend(show: Any) -> None:
    html = show("form", "field(form.kind)", form=Task())
    assert html.count("<legend>") == 1 and html.count('type="radio"') == 2 and 'for="kind-0"' in html


def test_a_bar_is_as_wide_as_its_parts(show: Any) -> None:
    html = show("bar", "bar([('danger', 3), ('active', 0), ('success', 9)], '9 completed, 3 failed')")
    rects = [(float(x), float(w)) for x, w in re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"', html)]
    assert rects == [(0, 29), (30, 89)]
    assert 'aria-label="9 completed, 3 failed"' in html


def test_a_bar_of_nothing_and_a_line_of_one(show: Any) -> None:
    assert "<rect" not in show("bar", "bar([], 'Nothing yet')")
    assert 'points="0.0,2.0 "' in show("bar", "sparkline([5], 'One run')")


@pytest.mark.parametrize("kind", ["first", "none", "broken"])
def test_empty_states(show: Any, kind: str) -> None:
    html = show("table", f"empty('{kind}', 'No tasks yet', 'Run one')")
    assert f'data-kind="{kind}"' in html and "No tasks yet" in html and "actions" not in html


def test_a_pager_without_neighbours_has_no_dead_links(show: Any) -> None:
    html = show("table", "pager('', '', '1–3 of 3')")
    assert "<a" not in html and "1–3 of 3" in html


def test_a_row_action_is_a_plain_submit_button_too(show: Any) -> None:
    html = show("action", "action('/tasks/7/cancel', 'Cancel', confirm='Cancel it?')")
    assert 'form="act" formaction="/tasks/7/cancel"' in html and "hx-" not in html
    assert 'data-confirm="Cancel it?"' in html and 'data-yes="Cancel"' in html


def test_a_task_that_has_ended_is_not_asked_again(env: jinja2.Environment) -> None:
    source = '{% from "ui/log.html" import log %}{% call log("out", url) %}{% endcall %}'
    assert "data-live" in env.from_string(source).render(url="/tasks/7/log")
    assert "data-live" not in env.from_string(source).render(url="")
