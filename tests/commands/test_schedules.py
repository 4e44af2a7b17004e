"""`muster schedules` as a process of its own, against a server."""

from __future__ import annotations

import json

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.commands.conftest import Muster
from tests.schedules import made
from webapp import clock

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
