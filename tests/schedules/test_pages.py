"""The pages of schedules: what they show, what their buttons do, and for whom."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.schedules import made
from webapp import clock
from webapp.db import db
from webapp.schedules import history
from webapp.schedules.models import Schedule, Slot
from webapp.tasks.models import Task

NINE = {"kind": "times", "at": ["09:00"]}
SPEC = json.dumps({"type": "plugin", "data": {"plugin_id": "demo"}})
RECORDS = {"type": "plugin", "data": {"plugin_id": "dns_records", "input_data": ["example.com"]}}
WHEN = {"when": "times", "times_at": "09:30", "timezone": "Europe/London", "misfire": "once", "overlap": "skip"}
FORM = WHEN | {"spec": SPEC}


@pytest.fixture
def nightly(session: Session, cast: Cast) -> Schedule:
    return made.schedule(cast.acme, NINE, clock.now(), name="Nightly scan")


def toast(response: Any) -> str:
    return json.loads(response.headers["HX-Trigger"])["toast"]["text"]


def only(session: Session) -> Schedule:
    return session.scalars(sa.select(Schedule).execution_options(populate_existing=True)).one()


def test_the_list_tells_what_when_and_how_it_went(client: Browser, nightly: Schedule) -> None:
    page = client.login("viewer").get("/tasks/schedules").text
    for text in ("Nightly scan", "Every day at 09:00 UTC", "Active", "Demo", "Never"):
        assert text in page
    assert "New schedule" not in page and "/pause" not in page and "Delete" not in page
    assert all(
        text in client.login("admin").get("/tasks/schedules").text for text in ("New schedule", "/pause", "Delete")
    )


def test_nothing_yet_and_nothing_that_matches(client: Browser, session: Session, cast: Cast) -> None:
    client.login("operator")
    assert "Nothing is scheduled." in client.get("/tasks/schedules").text
    made.schedule(cast.acme, NINE, clock.now())
    page = client.get("/tasks/schedules?q=nothing&status=paused").text
    assert "No schedules match these filters." in page and "1 schedule is hidden" in page


def test_filters_and_pages(client: Browser, session: Session, cast: Cast) -> None:
    for number in range(30):
        made.schedule(cast.acme, NINE, clock.now(), name=f"Number {number:02d}")
    client.login("viewer")
    first = client.get("/tasks/schedules?per=25").text
    assert "Number 24" in first and "Number 25" not in first
    older = first.partition('id="page-older"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    second = client.get(older).text
    assert "Number 25" in second and "Number 24" not in second and 'id="page-newer"' in second
    assert "Number 07" in client.get("/tasks/schedules?q=number+07").text
    assert "Number 07" not in client.get("/tasks/schedules?status=paused").text


def test_who_made_it_and_what_it_runs_can_be_filtered(client: Browser, session: Session, cast: Cast) -> None:
    made.schedule(cast.acme, NINE, clock.now(), name="Of Ann")
    whois = made.schedule(cast.acme, NINE, clock.now(), name="Of Bo", spec=RECORDS)
    whois.created_by = "bo"
    session.commit()
    client.login("viewer")
    page = client.get("/tasks/schedules").text
    assert 'class="c-owner c-wide"' in page and 'name="owner" value="bo"' in page
    assert 'name="plugin" value="dns_records"' in page
    for address in ("owner=bo", "plugin=dns_records", "owner=ann&owner=bo&plugin=dns_records"):
        found = client.get(f"/tasks/schedules?{address}").text
        assert "Of Bo" in found and "Of Ann" not in found


def test_an_unchanged_list_answers_304(client: Browser, nightly: Schedule) -> None:
    client.login("viewer")
    tag = client.htmx("GET", "/tasks/schedules").headers["ETag"]
    assert client.htmx("GET", "/tasks/schedules", headers={"If-None-Match": tag}).status_code == 304
    made.lifecycle.pause(nightly, made.ANN, clock.now())
    db.session.commit()
    assert client.htmx("GET", "/tasks/schedules", headers={"If-None-Match": tag}).status_code == 200


def test_pause_from_a_row_answers_the_row_and_can_be_taken_back(client: Browser, nightly: Schedule) -> None:
    path = f"/tasks/schedules/{nightly.id}"
    paused = client.login("operator").htmx("POST", f"{path}/pause", headers={"HX-Target": f"tr#t-{nightly.id}"})
    assert paused.status_code == 200 and paused.text.lstrip().startswith("<tr") and "Paused" in paused.text
    told = json.loads(paused.headers["HX-Trigger"])["toast"]
    assert told["text"] == "Nightly scan is paused" and told["undo"]["url"] == f"{path}/resume"
    resumed = client.htmx("POST", told["undo"]["url"])
    assert resumed.status_code == 204 and toast(resumed) == "Nightly scan is active again"
    assert made.fresh(nightly).status == "active"


def test_pause_with_a_reason_and_a_time_to_go_on(client: Browser, nightly: Schedule) -> None:
    path = f"/tasks/schedules/{nightly.id}"
    client.login("operator")
    assert "Go on at" in client.get(f"{path}/pause").text
    wrong = client.post(f"{path}/pause", data={"resume_at": "2020-01-01T09:00", "reason": "Move"})
    assert wrong.status_code == 422 and "has passed" in wrong.text and 'value="Move"' in wrong.text
    assert client.post(f"{path}/pause", data={"resume_at": "2099-01-01T09:00", "reason": "Move"}).status_code == 303
    page = client.get(path).text
    assert "Paused by oscar" in page and "Move" in page


def test_run_now(client: Browser, session: Session, nightly: Schedule) -> None:
    answer = client.login("operator").htmx("POST", f"/tasks/schedules/{nightly.id}/run")
    assert toast(answer) == "Nightly scan was started"
    (task,) = made.tasks(nightly)
    assert (task.created_by, task.trigger) == ("oscar", "manual")
    page = client.get(f"/tasks/schedules/{nightly.id}").text
    assert "By hand" in page and "Started by oscar" in page


def test_deleting_asks_what_becomes_of_open_tasks(client: Browser, session: Session, nightly: Schedule) -> None:
    path = f"/tasks/schedules/{nightly.id}"
    client.login("admin").post(f"{path}/run")
    question = client.get(f"{path}/delete").text
    assert "deleting cannot be undone" in question and "1 of its tasks wait" in question
    assert client.post(f"{path}/delete", data={"open": "some"}).status_code == 422
    assert client.post(f"{path}/delete", data={"open": "queued"}).location == "/tasks/schedules"
    assert [task.status for task in made.tasks(nightly)] == ["cancelled"]
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(("typed", "text"), [
    ({}, "Every day at 09:30 Europe/London"),
    ({"times_days": ["mon", "fri"]}, "Every Monday and Friday at 09:30 Europe/London"),
    ({"when": "once", "once_at": "2099-12-01T09:00"}, "Once on 1 Dec 2099 at 09:00 Europe/London"),
    ({"when": "random", "random_from": "09:00", "random_to": "17:00", "random_days": ["mon"]}, "Every Monday at a random time 09:00–17:00 Europe/London"),
    ({"when": "weekly", "weekly_days": ["tue"], "weekly_at": "08:00"}, "Every Tuesday at 08:00 Europe/London"),
    ({"when": "monthly", "monthly_by": "day", "monthly_day": "31", "monthly_at": "02:00"}, "On the last day of each month at 02:00 Europe/London"),
    ({"when": "monthly", "monthly_by": "nth", "monthly_nth": "last", "monthly_weekday": "fri", "monthly_at": "02:00"}, "On the last Friday of each month at 02:00 Europe/London"),
    ({"when": "interval", "interval_every": "15m", "interval_from": "09:00", "interval_to": "17:00"}, "Every 15 minutes, 09:00–17:00 Europe/London"),
    ({"when": "cron", "cron_expr": "0 6 * * 1"}, "Every Monday at 06:00 Europe/London"),
    ({"jitter": "10m", "end": "2099-01-01T00:00"}, "Every day at 09:30 Europe/London, up to 10 minutes later, until 1 Jan 2099 00:00"),
])  # fmt: skip
def test_every_kind_can_be_typed_previewed_saved_and_typed_again(
    client: Browser, session: Session, typed: dict[str, Any], text: str
) -> None:
    form = FORM | typed
    client.login("operator")
    assert text in client.htmx("POST", "/tasks/schedules/preview", data=form).text
    created = client.post("/tasks/schedules", data=form)
    assert created.status_code == 303, created.text
    schedule = only(session)
    assert schedule.text == text
    again = client.get(f"/tasks/schedules/{schedule.id}/edit").text
    saved = client.post(f"/tasks/schedules/{schedule.id}", data=fields_of(again))
    assert saved.status_code == 303, saved.text
    assert only(session).text == text and only(session).rule == schedule.rule


def fields_of(page: str) -> dict[str, list[str]]:
    """What a browser would send of a form, as it came."""
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        found: dict[str, list[str]] = {}
        area = select = ""

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            given = dict(attrs)
            name, kind = given.get("name"), given.get("type", "text")
            if tag == "input" and name and (kind not in ("radio", "checkbox") or "checked" in given):
                self.found.setdefault(name, []).append(given.get("value") or "")
            elif tag == "textarea":
                self.area = name or ""
                self.found[self.area] = [""]
            elif tag == "select":
                self.select = name or ""
            elif tag == "option" and self.select and "selected" in given:
                self.found[self.select] = [given.get("value") or ""]

        def handle_endtag(self, tag: str) -> None:
            self.area, self.select = ("" if tag == "textarea" else self.area), ("" if tag == "select" else self.select)

        def handle_data(self, data: str) -> None:
            if self.area:
                self.found[self.area][0] += data

    reader = Reader()
    reader.found = {}
    reader.feed(page.partition('id="schedule"')[2].partition("</form>")[0])
    return reader.found


@pytest.mark.parametrize(("typed", "field", "text"), [
    ({"times_at": "25:00"}, "times_at", "is not a time of day"),
    ({"when": "cron", "cron_expr": "61 * * * *"}, "cron_expr", "minutes go from 0 to 59. Change the first field"),
    ({"when": "interval", "interval_every": "15m", "interval_from": "18:00", "interval_to": "09:00"}, "interval_from", "must be later than 18:00"),
    ({"when": "once", "once_at": "2020-01-01T09:00"}, "once_at", "has passed. Choose a later time"),
    ({"when": "random", "random_from": "09:00", "random_to": "17:00"}, "random_days", "at least one day"),
    ({"timezone": "Europe/Londn"}, "timezone", "Did you mean Europe/London?"),
    ({"spec": "{"}, "spec", "Choose what is to run"),
])  # fmt: skip
def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(
    client: Browser, session: Session, typed: dict[str, Any], field: str, text: str
) -> None:
    answer = client.login("operator").post("/tasks/schedules", data=FORM | {"name": "Kept"} | typed)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text and text in answer.text and 'value="Kept"' in answer.text
    assert "Error: New schedule" in answer.text
    assert session.scalar(sa.select(sa.func.count()).select_from(Schedule)) == 0


def test_what_runs_is_asked_as_for_a_new_task(client: Browser, session: Session) -> None:
    client.login("operator")
    assert all(text in client.get("/tasks/schedules/new").text for text in ("Shell command", "Inputs", 'id="times_at"'))
    page = client.get("/tasks/schedules/new?kind=execute_command&when=weekly&timezone=Europe/London&name=Kept").text
    assert 'id="command"' in page and 'value="Kept"' in page and 'value="Europe/London"' in page
    typed = {"kind": "execute_command", "command": "uptime", "mode": "anyone", "o_priority": "7"}
    assert client.post("/tasks/schedules", data=WHEN | typed).status_code == 303
    schedule = only(session)
    assert (schedule.type, schedule.spec["options"]) == ("execute_command", {"priority": 7})
    form = fields_of(client.get(f"/tasks/schedules/{schedule.id}/edit").text)
    assert form["command"] == ["uptime"] and form["mode"] == ["anyone"] and form["o_priority"] == ["7"]
    before = schedule.spec
    assert client.post(f"/tasks/schedules/{schedule.id}", data=form).status_code == 303
    assert only(session).spec == before


def test_what_is_wrong_with_the_task_is_told_at_its_field(client: Browser, session: Session) -> None:
    client.login("operator")
    typed = {"kind": "execute_command", "command": "", "mode": "anyone", "name": "Kept"}
    answer = client.post("/tasks/schedules", data=WHEN | typed)
    assert answer.status_code == 422
    assert 'id="command-error"' in answer.text and 'href="#command"' in answer.text and 'value="Kept"' in answer.text


def test_a_spec_without_fields_is_edited_as_programs_send_it(client: Browser, session: Session, cast: Cast) -> None:
    spec = {"type": "execute_command", "data": {"argv": ["uptime", "-p"]}, "target": {"agents": "anyone"}}
    schedule = made.schedule(cast.acme, NINE, clock.now(), spec=spec)
    form = fields_of(client.login("operator").get(f"/tasks/schedules/{schedule.id}/edit").text)
    assert "kind" not in form and "argv" in form["spec"][0]
    assert client.post(f"/tasks/schedules/{schedule.id}", data=form | {"name": ["Renamed"]}).status_code == 303
    assert only(session).name == "Renamed" and only(session).spec["data"] == spec["data"]


def test_the_preview_tells_errors_politely(client: Browser) -> None:
    answer = client.login("viewer").htmx("POST", "/tasks/schedules/preview", data=FORM | {"times_at": "soon"})
    assert answer.status_code == 200 and "is not a time of day" in answer.text


def test_the_preview_marks_what_is_odd(client: Browser) -> None:
    form = FORM | {"times_at": "02:30", "timezone": "America/New_York", "start": "2027-03-13T12:00"}
    answer = client.login("viewer").htmx("POST", "/tasks/schedules/preview", data=form).text
    assert "Clocks change" in answer and "does not exist in America/New_York. The run will start at 03:00" in answer


def test_without_a_script_the_preview_is_the_form_again(client: Browser, session: Session) -> None:
    page = client.login("operator").post("/tasks/schedules", data=FORM | {"do": "preview"})
    assert page.status_code == 200 and "Every day at 09:30 Europe/London" in page.text
    assert session.scalar(sa.select(sa.func.count()).select_from(Schedule)) == 0


def test_two_who_edit_at_once(client: Browser, session: Session, nightly: Schedule) -> None:
    path = f"/tasks/schedules/{nightly.id}"
    client.login("operator")
    mine = fields_of(client.get(f"{path}/edit").text) | {"name": ["Mine"]}
    client.login("admin").post(path, data=fields_of(client.get(f"{path}/edit").text) | {"name": ["Theirs"]})
    conflict = client.login("operator").post(path, data=mine)
    assert conflict.status_code == 409
    assert "alice changed this schedule meanwhile" in conflict.text and 'value="Mine"' in conflict.text
    assert "Theirs" in conflict.text
    assert client.post(path, data=fields_of(conflict.text)).status_code == 303
    assert made.fresh(nightly).name == "Mine"


def test_duplicate_and_what_was_run_before(client: Browser, session: Session, nightly: Schedule, cast: Cast) -> None:
    from tests.tasks import made as tasks

    client.login("operator")
    copy = client.get(f"/tasks/schedules/new?from={nightly.id}").text
    assert "Nightly scan (copy)" in copy and nightly.seed not in copy
    task = tasks.task(cast.acme)
    page = client.get(f"/tasks/schedules/new?task={task.uuid}").text
    assert 'id="name" name="name"' in page and f'value="{task.what}"' in page and task.input in page


def test_a_new_task_at_another_time_is_a_schedule(client: Browser, session: Session) -> None:
    form = {"kind": "plugin", "plugin": "demo", "inputs": "a\nb", "name": "From the form"} | FORM
    page = client.login("operator").get("/tasks/new?when=times").text
    assert 'id="when-times" name="when" type="radio" value="times"' in page or 'id="when-times"' in page
    answer = client.post("/tasks/new/", data=form)
    schedule = only(session)
    assert (answer.status_code, answer.location) == (303, f"/tasks/schedules/{schedule.id}")
    assert (schedule.name, schedule.text, schedule.scope) == (
        "From the form",
        "Every day at 09:30 Europe/London",
        "2 inputs",
    )
    assert session.scalar(sa.select(sa.func.count()).select_from(Task)) == 0


def test_a_new_task_with_a_wrong_time_comes_back(client: Browser, session: Session) -> None:
    form = {"kind": "plugin", "plugin": "demo", "inputs": "kept"} | FORM | {"times_at": "noon"}
    answer = client.login("operator").post("/tasks/new/", data=form)
    assert answer.status_code == 422
    assert 'id="times_at-error"' in answer.text and "kept" in answer.text and 'href="#when"' in answer.text


def test_commands_are_scheduled_by_those_who_may_run_them(client: Browser, session: Session, cast: Cast) -> None:
    from tests import factories
    from webapp.access.permissions import Permission as P

    user = factories.user("skeduler", cast.acme, role="viewer")
    role = factories.role(cast.acme, [P.SCHEDULES_READ, P.SCHEDULES_WRITE, P.TASKS_READ, P.TASKS_CREATE])
    membership = user_membership(user.id)
    membership.role_id = role.id
    session.commit()
    command = json.dumps({"type": "execute_command", "data": {"command": "id"}, "target": {"agents": "anyone"}})
    refused = client.login("skeduler").post("/tasks/schedules", data=FORM | {"spec": command})
    assert refused.status_code == 403 and "run shell commands" in refused.text


def user_membership(user_id: int) -> Any:
    from webapp.access.models import Membership

    return db.session.scalars(sa.select(Membership).where(Membership.user_id == user_id)).one()


def test_history_shows_ends_with_reasons_and_missed_runs_can_be_started(
    client: Browser, session: Session, cast: Cast
) -> None:
    begun = clock.now() - timedelta(hours=4)
    hourly = made.schedule(cast.acme, {"kind": "interval", "every": "1h"}, begun, misfire="skip")
    made.ticked(clock.now() - timedelta(minutes=1))
    page = client.login("operator").get(f"/tasks/schedules/{hourly.id}").text
    assert "Missed" in page and "the schedule skips missed runs" in page and "Run these" in page
    slot = session.scalars(sa.select(Slot.id).order_by(Slot.at)).first()
    assert client.post(f"/tasks/schedules/{hourly.id}/missed", data={}).status_code == 422
    assert (
        toast(client.htmx("POST", f"/tasks/schedules/{hourly.id}/missed", data={"ids": slot})) == "1 missed run started"
    )
    assert "made up for" in client.get(f"/tasks/schedules/{hourly.id}").text
    left = len(history.missed(hourly))
    assert f"Run all {left}" in client.get(f"/tasks/schedules/{hourly.id}").text
    assert toast(client.htmx("POST", f"/tasks/schedules/{hourly.id}/missed", data={"which": "all"})) == (
        f"{left} missed runs started"
    )
    assert not history.missed(hourly) and len(made.batches(hourly)) == len(made.slots(hourly))
    assert "Run these" not in client.login("viewer").get(f"/tasks/schedules/{hourly.id}").text


def test_missed_runs_are_found_from_the_dashboard(client: Browser, session: Session, cast: Cast) -> None:
    made.schedule(cast.acme, NINE, clock.now(), name="In good order")
    begun = clock.now() - timedelta(hours=4)
    made.schedule(cast.acme, {"kind": "interval", "every": "1h"}, begun, misfire="skip", name="Was away")
    made.ticked(clock.now() - timedelta(minutes=1))
    home = client.login("operator").get("/").text
    assert "missed run" in home and 'href="/tasks/schedules?missed=1"' in home and "In good order" in home
    missed = client.get("/tasks/schedules?missed=1").text
    assert "Was away" in missed and "In good order" not in missed and "Missed runs" in missed


def test_a_task_names_its_schedule_and_the_moment_that_it_was_due(
    client: Browser, session: Session, cast: Cast
) -> None:
    schedule = made.schedule(
        cast.acme, {"kind": "interval", "every": "1h"}, clock.now() - timedelta(hours=1), name="Hourly"
    )
    made.ticked(clock.now())
    (task,), (slot,) = made.tasks(schedule), made.slots(schedule)
    page = client.login("viewer").get(f"/tasks/{task.uuid}").text
    assert f'href="/tasks/schedules/{schedule.id}"' in page and f"#p-{slot.id}" in page and "Hourly" in page
    shown = page.partition(f'href="/tasks/schedules/{schedule.id}?')[2].partition("#")[0]
    assert f'id="p-{slot.id}"' in client.get(f"/tasks/schedules/{schedule.id}?{shown}").text
    made.lifecycle.delete(schedule, made.ANN, clock.now())
    session.commit()
    gone = client.get(f"/tasks/{task.uuid}").text
    assert "(deleted)" in gone and f'href="/tasks/schedules/{schedule.id}"' not in gone


def test_the_short_list_for_other_pages(client: Browser, nightly: Schedule) -> None:
    section = client.login("viewer").htmx("GET", "/tasks/schedules/section").text
    assert section.lstrip().startswith("<section") and "Nightly scan" in section


def test_reading_every_page_changes_no_row(client: Browser, session: Session, cast: Cast) -> None:
    """Also past due: another system's list moved the next run when somebody looked, and so lost one."""
    past = clock.now() - timedelta(hours=3)
    schedules = [
        made.schedule(cast.acme, rule, past, name=str(rule["kind"]))
        for rule in (
            NINE,
            {"kind": "interval", "every": "30m"},
            {"kind": "random"},
            {"kind": "cron", "expr": "* * * * *"},
        )
    ]

    def rows() -> list[tuple[Any, ...]]:
        session.commit()
        return [tuple(row) for row in session.execute(sa.select(*Schedule.__table__.columns).order_by(Schedule.id))]

    before = rows()
    client.login("admin")
    for url in (
        "",
        "/upcoming",
        "/month",
        "/section",
        "/new",
        *(f"/{each.id}{page}" for each in schedules for page in ("", "/edit", "/pause", "/delete")),
    ):
        assert client.get(f"/tasks/schedules{url}").status_code == 200, url
    client.htmx("POST", "/tasks/schedules/preview", data=FORM)
    assert rows() == before
    assert session.scalar(sa.select(sa.func.count()).select_from(Slot)) == 0
