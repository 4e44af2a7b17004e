"""`muster agents`, `muster enrolment-token` and `muster tests` as processes of their own, against a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agent_api.caller import enrol
from tests.cast import Cast
from tests.commands.conftest import Muster
from tests.rest.conftest import Api
from tests.tasks import made

pytestmark = pytest.mark.one_database


@pytest.fixture
def admin(api: Api, muster: Muster) -> Muster:
    token = api("admin").token
    return lambda *words, **env: muster(*words, MUSTER_TOKEN=token, **env)


def test_agents_are_listed_and_shown(muster: Muster, cast: Cast) -> None:
    agent = made.agent(cast.acme, "web-1", version="0.1.0")
    made.agent(cast.acme, "db-1", os="darwin")
    (line,) = muster("agents", "-q", "WEB").stdout.splitlines()
    assert line.split("\t")[:7] == [agent.uuid, "web-1", "online", "active", "linux", "amd64", "0.1.0"]
    assert [row["hostname"] for row in json.loads(muster("agents", "--json").stdout)] == ["web-1", "db-1"]
    table = muster("agents", "-o", "table", "-p", "online").stdout.splitlines()
    assert table[0].split() == ["HOST", "PRESENCE", "STATE", "PLATFORM", "VERSION", "RUNS", "SEEN", "TAGS"]
    shown = muster("agents", "show", "web-1").stdout
    assert f"id              {agent.uuid}\n" in shown and "\nnote            –\n" in shown


def test_they_are_tagged_and_switched(admin: Muster, cast: Cast) -> None:
    one, two = (made.agent(cast.acme, f"web-{number}") for number in (1, 2))
    assert admin("agents", "tag", "web-1", two.uuid, "--add", "prod").stdout == "2 of 2 changed\n"
    assert admin("agents", "tag", "web-1", "-r", "prod").stdout == "1 of 1 changed\n"
    assert admin("agents", "disable", "WEB-1", "-r", "Move").stdout == "web-1 is disabled\n"
    refused = admin("agents", "disable", "web-1")
    assert (refused.returncode, refused.stderr) == (1, "Error: web-1 is disabled\n")
    assert admin("agents", "enable", one.uuid).stdout == "web-1 is active\n"
    assert admin("agents", "pause", "web-1").stdout == "web-1 is paused\n"
    assert admin("agents", "uninstall", "web-1", stdin="n\n").returncode == 1
    told = admin("agents", "uninstall", "web-1", two.uuid, "--cleanup", "--yes").stdout.split()
    assert {admin("why", task).returncode for task in told} == {0} and len(told) == 2
    assert admin("agents", "rotate", "web-1").stdout == "web-1 is asked to change its key\n"


def test_one_that_waits_is_approved_or_refused(admin: Muster, cast: Cast) -> None:
    for name in ("new-1", "new-2"):
        made.agent(cast.acme, name, state="unapproved")
    assert len(admin("agents", "--state", "unapproved").stdout.splitlines()) == 2
    assert admin("agents", "approve", "new-1").stdout == "new-1 is active\n"
    assert admin("agents", "refuse", "new-2", "-r", "Not ours").stdout == "new-2 is decommissioned\n"
    assert admin("agents", "approve", "new-1").stderr == "Error: new-1 is active\n"


def test_what_cannot_be_undone_is_asked(admin: Muster, cast: Cast) -> None:
    made.agent(cast.acme, "web-1")
    assert admin("agents", "decommission", "web-1", stdin="n\n").returncode == 1
    assert admin("agents", "decommission", "web-1", "--yes").stdout == "web-1 is decommissioned\n"
    assert admin("agents").stdout == ""


def test_a_name_that_means_nobody_or_several(admin: Muster, muster: Muster, cast: Cast) -> None:
    for _ in range(2):
        made.agent(cast.acme, "twin")
    assert admin("agents", "show", "nobody").returncode == 3
    two = admin("agents", "show", "twin")
    assert two.returncode == 2 and '2 agents are called "twin"' in two.stderr
    made.agent(cast.acme, "web-1")
    assert muster("agents", "disable", "web-1").returncode == 4
    assert admin("agents", "tag", "web-1").returncode == 2
    assert admin("agents", "-p", "awake").returncode == 2


def test_a_token_is_printed_alone_and_listed_without_its_secret(admin: Muster, api: Api, muster: Muster) -> None:
    made_one = admin(
        "enrolment-token", "create", "-t", "web", "-t", "prod", "--uses", "2", "--expires", "12h", "--approval"
    )
    token = made_one.stdout.removesuffix("\n")
    assert made_one.returncode == 0 and token.startswith("enr_") and "\n" not in token
    answer = enrol(api("admin").client, token, "web-1")
    assert answer.status_code == 201
    listed = admin("enrolment-token", "list").stdout
    assert "1 of 2" in listed and "prod web" in listed and token not in listed
    key = token.split("_")[1]
    assert admin("enrolment-token", "delete", key).stdout == f"{key} is revoked\n"
    assert enrol(api("admin").client, token, "web-2").status_code == 401
    wrong = admin("enrolment-token", "create", "--expires", "31d")
    assert wrong.returncode == 2 and "expires" in wrong.stderr
    assert muster("enrolment-token", "list").returncode == 4
    assert admin("enrolment-token", "delete", "nothing").returncode == 3


def test_a_build_is_uploaded_and_its_test_retired(admin: Muster, tmp_path: Path) -> None:
    script = tmp_path / 'odd "name".sh'
    script.write_bytes(b"#!/bin/sh\nexit 1\n")
    missing = admin("tests", "upload", "smb", str(script))
    assert missing.returncode == 3 and "Say --name to make it" in missing.stderr
    first = admin("tests", "upload", "smb", str(script), "--name", "SMB signing", "--technique", "T1557")
    assert first.stdout == "smb version 1 for any/any\n", first.stderr
    assert admin("tests", "upload", "smb", str(script), "--platform", "linux").stdout == "smb version 1 for linux/any\n"
    (line,) = admin("tests").stdout.splitlines()
    assert line.split("\t")[1:] == ["smb", "enabled", "1", "any/any linux/any", "T1557", "SMB signing"]
    script.write_bytes(b"no program")
    lying = admin("tests", "upload", "smb", str(script))
    assert lying.returncode == 2 and "file: The file is no program" in lying.stderr
    assert admin("tests", "retire", "smb", "--yes").stdout == "smb is retired\n"
    assert admin("tests", "retire", "smb", "--yes").returncode == 3
    assert "retired" in admin("tests", "--retired").stdout
    assert admin("tests", "restore", "smb").stdout == "smb is in the library\n"
    assert admin("tests", "restore", "smb").returncode == 3
