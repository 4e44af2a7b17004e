"""`muster schedules` as a process of its own, against a server."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.commands.conftest import Muster
from tests.rest.conftest import Api
from tests.schedules import made
from webapp import clock

pytestmark = pytest.mark.one_database

NINE = {"kind": "times", "at": ["09:00"]}


def test_a_rule_is_told_in_words_and_times(muster: Muster) -> None:
    done = muster("schedules", "preview", "30 9 * * 1-5", "--tz", "Europe/London", "-n", "2", "--from", "2026-11-21")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Every weekday at 09:30 Europe/London",
        "  Mon 23 Nov 2026 09:30:00 +00:00  2026-11-23T09:30:00Z",
        "  Tue 24 Nov 2026 09:30:00 +00:00  2026-11-24T09:30:00Z",
    ]


def test_a_wrong_rule_says_what_to_change(muster: Muster) -> None:
    done = muster("schedules", "preview", "61 * * * *")
    assert done.returncode == 2 and "minutes go from 0 to 59. Change the first field" in done.stderr


def test_schedules_are_listed_paused_resumed_and_run(muster: Muster, session: Session, cast: Cast) -> None:
    schedule = made.schedule(cast.acme, NINE, clock.now(), name="Nightly scan")
    (line,) = muster("schedules").stdout.splitlines()
    assert line.split("\t")[:4] == [str(schedule.id), "active", "Nightly scan", "Every day at 09:00 UTC"]
    assert muster("schedules", "pause", "nightly scan", "-r", "Move").stdout == "Nightly scan is paused\n"
    (row,) = json.loads(muster("schedules", "--json", "-s", "paused").stdout)
    assert (row["status"], row["reason"]) == ("paused", "Move")
    assert muster("schedules", "resume", str(schedule.id)).stdout.startswith("Nightly scan is active; next run 2")
    ran = muster("schedules", "run", "Nightly scan").stdout.split()
    assert ran == [task.uuid for task in made.tasks(schedule)]


def test_a_name_that_nobody_has(muster: Muster) -> None:
    done = muster("schedules", "run", "Nothing")
    assert done.returncode == 3 and 'No schedule is called "Nothing"' in done.stderr


def test_one_is_made_looked_at_and_deleted(muster: Muster, api: Api, session: Session, cast: Cast) -> None:
    words = ("--name", "Disk", "--tz", "Europe/London", "--overlap", "queue", "--until", "2099-12-31")
    done = muster("schedules", "create", "30 9 * * 1-5", *words, "--anyone", "--timeout", "90s", "--", "df", "-h")
    assert (done.returncode, done.stderr) == (0, "")
    number, name, text, _ = done.stdout.rstrip("\n").split("\t")
    assert (name, text) == ("Disk", "Every weekday at 09:30 Europe/London, until 31 Dec 2099 23:59:59")
    stored = api().get(f"/schedules/{number}/").json
    assert (stored["overlap"], stored["spec"]["data"]) == ("queue", {"argv": ["df", "-h"]})
    assert stored["spec"]["options"] == {"execution_timeout": 90}
    assert muster("schedules", "delete", "disk", "--yes").returncode == 4, "an operator has no right to"
    admin = api("admin").token
    assert muster("schedules", "delete", "disk", "--yes", MUSTER_TOKEN=admin).stdout == "Disk was deleted\n"
    assert muster("schedules").stdout == ""


def test_a_rule_that_is_wrong_is_refused_by_its_field(muster: Muster) -> None:
    done = muster("schedules", "create", '{"kind": "once", "at": "2027-02-30T09:00"}', "--plugin", "demo")
    assert done.returncode == 2 and "30 February 2027 does not exist" in done.stderr


def test_missed_runs_are_listed_and_made_up_for(muster: Muster, session: Session, cast: Cast) -> None:
    begun = clock.now() - timedelta(hours=3)
    hourly = made.schedule(cast.acme, {"kind": "interval", "every": "1h"}, begun, misfire="skip", name="Hourly")
    made.ticked(clock.now() - timedelta(minutes=2))
    lines = [line.split("\t") for line in muster("schedules", "slots", "hourly", "--end", "missed").stdout.splitlines()]
    assert [(end, text) for _, _, end, _, text in lines] == [("missed", made.slots(hourly)[0].why)] * len(lines)
    assert muster("schedules", "slots", "hourly", "--end", "fired").stdout == ""
    ran = muster("schedules", "run-missed", lines[0][0], lines[1][0]).stdout.split()
    assert sorted(ran) == sorted(task.uuid for task in made.tasks(hourly))
    assert muster("schedules", "run-missed", lines[0][0]).returncode == 1
    (first, *_) = muster("schedules", "upcoming", "--hours", "2").stdout.splitlines()
    assert first.split("\t")[1:3] == [str(hourly.id), "Hourly"]
