"""The first page: its numbers are those of the lists, and what it shows is this organisation's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.schedules import made as schedules
from tests.tasks import made
from webapp import clock
from webapp.access import lifecycle as accounts
from webapp.access.models import User
from webapp.dashboard import charts, queries
from webapp.dashboard.queries import Period
from webapp.events import SYSTEM, Actor
from webapp.processes import beats
from webapp.tasks import lifecycle, sweep
from webapp.tasks.lifecycle import End

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


def test_what_ended_is_summed_by_hour_and_survives_folding(session: Session, cast: Cast) -> None:
    made.ended(cast.acme, 0, NOW)
    made.ended(cast.acme, 1, NOW - timedelta(hours=3))
    made.ended(cast.globex, 1, NOW)
    for _ in range(2):
        periods = queries.by_hour(queries.ended([cast.acme], NOW - timedelta(days=7)), NOW)
        assert [(p.at.hour, p.good, p.bad) for p in periods if p.total] == [(9, 0, 1), (12, 1, 0)]
        assert queries.success_rate(periods) == 0.5
        sweep.fold_counts(NOW)


def test_an_end_that_turned_out_otherwise_is_counted_once(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme, NOW)
    lifecycle.lose(taken.task, made.WORKER, NOW)
    lifecycle.resolve_late(taken.task, made.WORKER, NOW, End(0))
    sums = queries.ended([cast.acme], NOW - timedelta(days=1))
    assert {status: total for (_, status), total in sums.items() if total} == {"completed": 1}


def test_seven_days_hold_what_seven_days_had(session: Session, cast: Cast) -> None:
    for days in range(9):
        made.ended(cast.acme, 0, NOW - timedelta(days=days))
    days = queries.by_day(queries.ended([cast.acme], NOW - timedelta(days=7)), NOW)
    assert [period.good for period in days] == [1] * 7


def test_nothing_ended_has_no_rate() -> None:
    assert queries.success_rate([Period(NOW, 0, 0, 3)]) is None


def test_bars_stay_inside_the_chart() -> None:
    chart = charts.volume([Period(NOW, 5, 3, 2), Period(NOW, 0, 0, 0), Period(NOW, 1, 0, 0)], "Volume", "%H:%M")
    assert chart.top == 10 and chart.bars[1].parts == ()
    assert all(part.y >= 0 and part.y + part.height <= chart.height + 0.2 for bar in chart.bars for part in bar.parts)
    assert chart.bars[0].label == "12:30: 5 completed, 3 failed, 2 other"


@pytest.mark.parametrize("who", ["viewer", "operator", "admin", "superadmin"])
def test_everybody_sees_their_own_organisations_numbers(
    client: Browser, session: Session, cast: Cast, who: str
) -> None:
    made.ended(cast.acme, 1)
    page = client.login(who).get("/").get_data(as_text=True)
    assert "Needs attention" in page and "exit code" in page


def test_a_stranger_sees_none_of_it(client: Browser, session: Session, cast: Cast) -> None:
    made.ended(cast.acme, 1)
    page = client.login("foreign").get("/").get_data(as_text=True)
    assert "Nothing fails" in page and "Exit code" not in page


def test_the_list_of_first_steps_ticks_from_what_really_happened(client: Browser, session: Session, cast: Cast) -> None:
    before = client.login("operator").get("/").get_data(as_text=True)
    assert "Getting started" in before and 'class="done"' not in before
    made.ended(cast.acme)
    assert 'class="done"' in client.get("/").get_data(as_text=True)


def test_a_password_of_ones_own_and_a_colleague_are_steps_too(client: Browser, session: Session, cast: Cast) -> None:
    admin = session.get_one(User, cast.id("admin"))
    assert queries.done_by(admin.id) == {"colleague"}
    accounts.change_password(admin, "x", SYSTEM, clock.now())
    session.commit()
    assert queries.done_by(admin.id) == {"account", "colleague"}


def test_the_first_steps_are_put_away_and_come_back(client: Browser, cast: Cast) -> None:
    client.login("operator").post("/me/prefs", data={"steps": "off"})
    assert "Getting started" not in client.get("/").get_data(as_text=True)
    client.post("/me/prefs", data={"boxes": ["shortcuts", "steps"], "steps": "y"})
    assert "Getting started" in client.get("/").get_data(as_text=True)


def test_who_may_only_look_is_told_how_to_read_the_page(client: Browser, cast: Cast) -> None:
    page = client.login("viewer").get("/").get_data(as_text=True)
    assert "How to read this page" in page and "Getting started" not in page


@pytest.mark.parametrize(("by", "done"), [(schedules.ANN, True), (Actor("system", "Demo"), False)])
def test_a_sample_schedule_is_nobodys_step(session: Session, cast: Cast, by: Actor, done: bool) -> None:
    schedule = schedules.schedule(cast.acme, {"kind": "interval", "every": "5m"}, NOW)
    schedule.created_by_id = by.id
    made.task(cast.acme).schedule_id = schedule.id
    session.commit()
    assert ("scheduled" in queries.done_by(cast.users["oscar"])) is done


def test_an_unchanged_dashboard_is_not_sent_again(client: Browser, session: Session, cast: Cast) -> None:
    client.login("viewer")
    tag = client.htmx("GET", "/").headers["ETag"]
    assert client.htmx("GET", "/", headers={"If-None-Match": tag}).status_code == 304
    made.task(cast.acme)
    assert client.htmx("GET", "/", headers={"If-None-Match": tag}).status_code == 200


def test_the_palette_finds_pages_tasks_agents_and_plugins(client: Browser, session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, ["web-7.example"])
    made.agent(cast.acme, "web-7")
    client.login("admin")
    assert "web-7.example" in client.htmx("GET", "/palette?q=web-7").get_data(as_text=True)
    assert "/tasks/new?plugin=dns_records" in client.htmx("GET", "/palette?q=dns").get_data(as_text=True)
    assert "/tasks" in client.get("/search?q=task").get_data(as_text=True)
    assert (
        "web-7"
        not in client.login("foreign").htmx("GET", "/palette?q=web-7").get_data(as_text=True).split("matches")[0]
    )


def test_times_are_aware(session: Session, cast: Cast) -> None:
    made.ended(cast.acme, 0, clock.now())
    assert all(hour.tzinfo for hour, _ in queries.ended([cast.acme], clock.now() - timedelta(days=1)))


def test_slots_are_busy_while_their_tasks_run_whatever_the_last_beat_said(
    client: Browser, session: Session, cast: Cast
) -> None:
    beats.beat("worker", clock.now(), clock.now(), slots=4, running=4)
    made.started(cast.acme)
    made.started(cast.globex)
    session.commit()
    assert "2 of 4" in client.login("viewer").get("/").get_data(as_text=True)
