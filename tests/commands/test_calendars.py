"""`muster calendars` and `muster object-sets` as processes of their own, against a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import Muster
from tests.rest.conftest import Api

pytestmark = pytest.mark.one_database

ICS = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20270104\nSUMMARY:Move\nEND:VEVENT\nEND:VCALENDAR\n"


@pytest.fixture
def environment(environment: dict[str, str], api: Api) -> dict[str, str]:
    return environment | {"MUSTER_TOKEN": api("admin").token}


def test_a_calendar_is_made_filled_and_deleted(muster: Muster, tmp_path: Path) -> None:
    made = muster("calendars", "create", "Office", "--country", "NL", "--year", "2026", "--moves")
    assert (made.returncode, made.stderr) == (0, "") and made.stdout.split("\t")[1] == "Office"
    (tmp_path / "move.ics").write_text(ICS)
    assert muster("calendars", "add", "office", str(tmp_path / "move.ics")).stdout == "office: 1 dates added\n"
    assert muster("calendars", "add", "office", "-", stdin="2026-12-28..2026-12-31 Closed\n").stdout.endswith(
        "4 dates added\n"
    )
    assert muster("calendars", "show", "office", "--year", "2027").stdout == "2027-01-04\tMove\tImport\n"
    assert "2026-12-25\tChristmas Day\tNetherlands (holidays " in muster("calendars", "show", "office").stdout
    assert muster("calendars", "remove", "office", "2026-12-28").stdout == "office: 1 dates removed\n"
    (line,) = muster("calendars").stdout.splitlines()
    assert line.split("\t")[1:] == ["Office", "next working day"]
    assert muster("calendars", "delete", "office", "--yes").returncode == 0
    assert muster("calendars").stdout == ""


def test_what_cannot_be_read_is_named_by_its_line_and_nothing_is_added(muster: Muster) -> None:
    muster("calendars", "create", "Office")
    refused = muster("calendars", "add", "Office", "-", stdin="2026-12-25 Christmas\n2026-02-30 Never\n")
    assert refused.returncode == 2 and "Line 2: 30 February 2026 does not exist" in refused.stderr
    assert muster("calendars", "show", "Office").stdout == ""
    assert "Say which dates" in muster("calendars", "add", "Office").stderr
    assert muster("calendars", "show", "Nowhere").returncode == 3


def test_an_object_set_is_made_looked_at_and_deleted(muster: Muster, api: Api) -> None:
    for name in ("a.example", "b.example", "mail.test"):
        api("admin").post("/objects/hostname/", {"network": "internet", "name": name})
    words = ("Web", "hostname", "--query", "name:*.example", "--pick", "internet|picked.test")
    assert muster("object-sets", "create", *words).stdout.split("\t")[1:] == ["Web", "3 members\n"]
    assert sorted(muster("object-sets", "members", "web").stdout.split()) == [
        "internet|a.example", "internet|b.example", "internet|picked.test",
    ]  # fmt: skip
    assert "Did you mean name?" in muster("object-sets", "create", "Y", "hostname", "--query", "nmae:x").stderr
    assert muster("object-sets", "delete", "Web", "--yes").returncode == 0
    assert muster("object-sets").stdout == ""
