"""Schedules, previews, calendars and object sets over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.schedules import made
from webapp import clock

DEMO = {"type": "plugin", "data": {"plugin_id": "demo", "input_data": "a"}}
NINE = {"kind": "times", "at": ["09:00"]}
CONTRACT = {
    "id", "name", "rule", "timezone", "calendar", "misfire", "overlap", "start", "end", "status", "next_run_at",
    "last_run_at", "text", "spec",
}  # fmt: skip


def body(**more: Any) -> dict[str, Any]:
    return {"rule": NINE, "spec": DEMO, "timezone": "Europe/Amsterdam"} | more


def test_one_is_made_read_changed_and_deleted(api: Api, session: Session) -> None:
    program = api("admin")
    answer = program.post("/schedules/", body(name="Nightly", overlap="queue"))
    schedule = answer.json
    assert answer.status_code == 201 and schedule.keys() >= CONTRACT
    assert (schedule["name"], schedule["status"], schedule["misfire"], schedule["overlap"]) == (
        "Nightly", "active", "once", "queue",
    )  # fmt: skip
    assert schedule["text"] == "Every day at 09:00 Europe/Amsterdam" and schedule["next_run_at"].endswith("Z")
    path = f"/schedules/{schedule['id']}/"
    assert program.get(path).json == schedule
    changed = program.put(path, {"rule": {"kind": "cron", "expr": "0 6 * * 1"}, "end": "2099-01-01"}).json
    assert (changed["text"], changed["name"], changed["version"]) == (
        "Every Monday at 06:00 Europe/Amsterdam, until 1 Jan 2099 23:59:59", "Nightly", 2,
    )  # fmt: skip
    assert program.put(path, {"end": None}).json["end"] is None
    for asked in ("q=night", "plugin=demo&owner=nobody&owner=" + schedule["created_by"]):
        assert [each["id"] for each in program.get(f"/schedules/?{asked}").json["items"]] == [schedule["id"]]
    assert not program.get("/schedules/?owner=nobody").json["items"]
    assert program.delete(path).status_code == 204
    assert program.get(path).status_code == 404


def test_an_edit_of_what_has_changed_is_refused(api: Api) -> None:
    program = api("admin")
    made_one = program.post("/schedules/", body())
    path, seen = f"/schedules/{made_one.json['id']}/", made_one.headers["ETag"]
    assert program.put(path, {"name": "First"}, headers={"If-Match": seen}).status_code == 200
    assert program.put(path, {"name": "Second"}, headers={"If-Match": seen}).status_code == 412


def test_pause_resume_and_run(api: Api, session: Session) -> None:
    program = api("operator")
    number = program.post("/schedules/", body()).json["id"]
    later = (clock.now() + timedelta(days=1)).isoformat()
    paused = program.post(f"/schedules/{number}/pause", {"reason": "Holiday", "resume_at": later}).json
    assert (paused["status"], paused["reason"], paused["resume_at"] is not None) == ("paused", "Holiday", True)
    assert program.post(f"/schedules/{number}/resume").json["status"] == "active"
    batch = program.post(f"/schedules/{number}/run")
    assert (batch.status_code, batch.json["total"], batch.json["trigger"]) == (201, 1, "manual")
    task = program.get(f"/tasks/{batch.json['task_ids'][0]}").json
    assert task["schedule_id"] == number
    (slot,) = program.get(f"/schedules/{number}/slots/").json["items"]
    assert (slot["end"], slot["reason"], slot["batch_id"]) == ("fired", "run_now", batch.json["id"])


def test_what_is_refused_says_why(api: Api, session: Session) -> None:
    program = api("operator")
    number = program.post("/schedules/", body(rule={"kind": "once", "at": "2099-01-01T09:00"})).json["id"]
    made.ticked(made.at("2099-01-01T09:00"))
    refused = program.post(f"/schedules/{number}/resume")
    assert (refused.status_code, refused.json["reason"]) == (409, "ended")
    assert program.delete(f"/schedules/{number}/").status_code == 403


@pytest.mark.parametrize(("wrong", "field"), [
    ({"rule": {"kind": "times", "at": ["25:00"]}}, "rule.at"),
    ({"rule": {"kind": "tmies"}}, "rule.kind"),
    ({"rule": "daily"}, "rule"),
    ({"timezone": "Mars"}, "timezone"),
    ({"calendar": "Nobody's"}, "calendar"),
    ({"misfire": "maybe"}, "misfire"),
    ({"spec": {"type": "plugin", "data": {"plugin_id": "nope"}}}, "spec.data.plugin_id"),
    ({"rulle": NINE}, "rulle"),
])  # fmt: skip
def test_wrong_fields_are_named(api: Api, wrong: dict[str, Any], field: str) -> None:
    answer = api("operator").post("/schedules/", body(**wrong))
    assert answer.status_code == 422 and field in [error["field"] for error in answer.json["errors"]], answer.json


def test_a_command_needs_the_right_to_run_commands(api: Api) -> None:
    command = {"type": "execute_command", "data": {"command": "id"}, "target": {"agents": "anyone"}}
    both = "endpoints:schedules:write", "endpoints:schedules:read"
    refused = api("operator", *both, "endpoints:tasks:create").post("/schedules/", body(spec=command))
    assert refused.status_code == 403 and "shell commands" in refused.json["detail"]
    assert api("operator", *both, "endpoints:tasks:command").post("/schedules/", body(spec=command)).status_code == 201


def test_another_organisation_sees_nothing(api: Api) -> None:
    number = api("admin").post("/schedules/", body()).json["id"]
    stranger = api("foreign")
    assert stranger.get(f"/schedules/{number}/").status_code == 404
    assert stranger.post(f"/schedules/{number}/run").status_code == 404
    assert stranger.get("/schedules/").json["items"] == []


def test_the_preview_as_the_contract_has_it(api: Api) -> None:
    question = {
        "rule": {"kind": "times", "at": ["09:30"], "days": ["mon", "tue", "wed", "thu", "fri"]},
        "timezone": "Europe/Amsterdam", "from": "2026-11-21T00:00:00Z", "count": 2,
    }  # fmt: skip
    answer = api("viewer").post("/schedules/preview", question).json
    assert answer["text"] == "Every weekday at 09:30 Europe/Amsterdam"
    told = [{name: slot[name] for name in ("at", "local", "note")} for slot in answer["slots"]]
    assert told == [
        {"at": "2026-11-23T08:30:00Z", "local": "2026-11-23T09:30:00+01:00", "note": None},
        {"at": "2026-11-24T08:30:00Z", "local": "2026-11-24T09:30:00+01:00", "note": None},
    ]


def test_the_preview_marks_nights_and_holidays(api: Api) -> None:
    program = api("admin")
    program.post("/calendars/", {"name": "Office", "days": [{"date": "2026-12-25", "name": "Christmas"}]})
    gap = {
        "rule": {"kind": "times", "at": ["02:30"]},
        "timezone": "America/New_York",
        "from": "2027-03-13T12:00:00Z",
        "count": 1,
    }
    slot = program.post("/schedules/preview", gap).json["slots"][0]
    assert (slot["at"], slot["note"]) == ("2027-03-14T07:00:00Z", "gap")
    off = {"rule": NINE, "calendar": "Office", "from": "2026-12-24T12:00:00Z", "count": 2}
    first, second = program.post("/schedules/preview", off).json["slots"]
    assert (first["note"], first["skipped"], second["note"]) == ("holiday", "holiday", None)


def test_a_preview_of_chance_is_what_the_schedule_does(api: Api) -> None:
    program, rule = api("admin"), {"kind": "random"}
    seen = program.post("/schedules/preview", {"rule": rule}).json
    schedule = program.post("/schedules/", {"rule": rule, "spec": DEMO, "seed": seen["seed"]}).json
    assert schedule["next_run_at"][:19] == seen["slots"][0]["at"][:19]


def test_what_comes_next_of_all(api: Api) -> None:
    program = api("admin")
    number = program.post("/schedules/", body(rule={"kind": "interval", "every": "6h"})).json["id"]
    items = program.get("/schedules/upcoming?hours=24").json["items"]
    assert [item["schedule_id"] for item in items] == [number] * 4 and items == sorted(
        items, key=lambda item: item["at"]
    )


def test_what_comes_next_is_the_first_of_all_however_often_they_run(api: Api, session: Session, cast: Cast) -> None:
    for name in ("One", "Two"):
        made.schedule(cast.acme, {"kind": "cron", "expr": "* * * * *"}, clock.now(), name=name)
    items = api("viewer").get("/schedules/upcoming?hours=168&limit=500").json["items"]
    assert [item["name"] for item in items] == ["One", "Two"] * 250
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)


def test_a_missed_run_is_made_up_for(api: Api, session: Session, cast: Cast) -> None:
    begun = clock.now() - timedelta(hours=5)
    schedule = made.schedule(cast.acme, {"kind": "interval", "every": "1h"}, begun, misfire="skip")
    made.ticked(clock.now())
    program = api("operator")
    (*_, slot) = program.get(f"/schedules/{schedule.id}/slots/").json["items"]
    assert slot["end"] == "missed"
    assert program.post(f"/slots/{slot['id']}/run").status_code == 201
    assert program.post(f"/slots/{slot['id']}/run").json["reason"] == "settled"


def test_a_calendar(api: Api, session: Session) -> None:
    program = api("admin")
    answer = program.post("/calendars/", {"name": "NL", "country": "NL", "years": [2026], "policy": "next_working_day"})
    calendar = answer.json
    assert answer.status_code == 201 and {name: calendar["days"][-2][name] for name in ("date", "name")} == {
        "date": "2026-12-25",
        "name": "Christmas Day",
    }
    path = f"/calendars/{calendar['id']}"
    assert program.post(f"{path}/days/", {"text": "2026-12-28..2026-12-31 Closed"}).json["count"] == 4
    ics = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20270104\nSUMMARY:Move\nEND:VEVENT\nEND:VCALENDAR\n"
    assert program.post(f"{path}/days/", {"ics": ics}).json["count"] == 1
    assert program.post(f"{path}/days/remove", {"dates": ["2026-12-28"]}).json["count"] == 1
    assert program.put(f"{path}/", {"name": "Dutch"}).json["name"] == "Dutch"
    used = program.post("/schedules/", body(calendar="Dutch")).json
    assert used["calendar"] == "Dutch"
    refused = program.delete(f"{path}/")
    assert (refused.status_code, refused.json["reason"]) == (409, "in_use")
    program.put(f"/schedules/{used['id']}/", {"calendar": None})
    assert program.delete(f"{path}/").status_code == 204


@pytest.mark.parametrize(("sent", "field"), [
    ({"name": "X", "days": [{"date": "2026-02-30"}]}, "days.0.date"),
    ({"name": "X", "country": "XX"}, "country"),
])  # fmt: skip
def test_wrong_dates_are_named(api: Api, sent: dict[str, Any], field: str) -> None:
    answer = api("admin").post("/calendars/", sent)
    assert answer.status_code == 422 and answer.json["errors"][0]["field"] == field


def test_lines_of_a_list_are_named(api: Api) -> None:
    program = api("admin")
    number = program.post("/calendars/", {"name": "X"}).json["id"]
    answer = program.post(f"/calendars/{number}/days/", {"text": "2026-12-25 Christmas\nsoon"})
    assert answer.status_code == 422 and "Line 2" in answer.json["errors"][0]["message"]
    assert program.get(f"/calendars/{number}/").json["days"] == []
    assert program.post("/calendars/", {"name": "X"}).status_code == 422


def test_an_object_set(api: Api) -> None:
    program = api("admin")
    for name in ("a.example", "b.example", "mail.test"):
        program.post("/objects/hostname/", {"network": "internet", "name": name})
    answer = program.post("/object-sets/", {"name": "Web", "type": "hostname", "query": "name:*.example"})
    found = answer.json
    assert (answer.status_code, found["count"]) == (201, 2)
    path = f"/object-sets/{found['id']}/"
    assert program.put(path, {"picked": ["internet|mail.test"]}).json["count"] == 3
    assert program.get(f"{path}members/").json["items"][0] == "internet|mail.test"
    preview = {"type": "hostname", "query": "-name:*.example"}
    assert program.post("/object-sets/preview", preview).json == {"items": ["internet|mail.test"], "count": 1}
    wrong = program.post("/object-sets/", {"name": "Y", "type": "hostname", "query": "nmae:x"})
    assert wrong.status_code == 422 and "Did you mean name?" in wrong.json["errors"][0]["message"]
    target = {"target": {"object_set": found["id"]}, "type": "plugin", "data": {"plugin_id": "demo"}}
    batch = program.post("/tasks/", target).json
    assert batch["total"] == 3
    fresh = program.post("/schedules/", {"rule": {"kind": "freshness", "every": "24h"}, "spec": target})
    assert fresh.status_code == 201 and "for each object" in fresh.json["text"]
    assert program.delete(path).status_code == 204
