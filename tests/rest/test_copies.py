"""What the ⋯ menu of a list copies: the API finds what the page shows, and the command line says the same."""

from __future__ import annotations

import re
import shlex
from html import unescape

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy.orm import Session

from tests import samples
from tests.browser import Browser
from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp.agents.models import AgentTag
from webapp.cli import muster
from webapp.db import db
from webapp.rest.copies import TWINS

MENU = 'data-menu="/copies"'
COPY = re.compile(r'data-copy="([^"]*)"')
UUID, NUMBER = r'<tr id="t-([0-9a-f-]{36})"', r'<tr id="t-(\d+)"'
# Where the rows of a page say what the API calls them, and by which name the API does.
ROWS = {
    "/agents": (UUID, "id"), "/tasks/schedules": (NUMBER, "id"), "/plugins": (r'<tr id="plugin-([^"]+)"', "id"),
    "/library": (r'<tr id="test-(\d+)"', "id"), "/objects": (r'<tr id="object-(\d+)"', "id"),
    "/object-sets": (NUMBER, "id"), "/files": (UUID, "id"), "/calendars": (NUMBER, "id"),
    "/admin/users": (r'id="member-\d+".*?href="/admin/users/([^"?]+)"', "username"), "/admin/roles": (r'<tr id="role-(\d+)"', "id"),
    "/admin/organizations": (r'href="/admin/organizations/([^"?]+)"', "slug"),
    "/admin/audit": (r'<span class="mono">([\w.]+)</span> <span class="clip">', "action"),
}  # fmt: skip
ASKED = (
    "/agents?tag=blue&tag=green&q=web", "/agents?presence=online", "/agents?os=linux&match=all&tag=blue",
    "/tasks/schedules?q=demo", "/tasks/schedules?status=active&missed=1", "/plugins?q=dns", "/library?retired=1",
    "/library?q=test", "/objects?q=internet", "/objects?type=hostname&q=host", "/objects?type=ipaddress", "/object-sets?q=set",
    "/files?q=scan&type=nmap", "/files?plugin=demo", "/files?task=0000", "/calendars?q=holi", "/admin/users?q=al",
    "/admin/audit?action=session", "/admin/audit?since=2020-01-01T00:00&until=2020-01-02T00:00",
)  # fmt: skip


def copied(client: Browser, page: str) -> list[str]:
    answer = client.htmx("GET", "/copies", headers={"HX-Current-URL": f"http://localhost{page}"})
    assert answer.status_code == 200, page
    return [unescape(text) for text in COPY.findall(answer.text)]


def test_every_list_has_the_menu_and_a_twin(app: Flask, client: Browser, session: Session, cast: Cast) -> None:
    client.login("admin")
    rules = [rule.rule for rule in app.url_map.iter_rules() if not rule.arguments and "GET" in (rule.methods or ())]
    pages = [
        rule for rule in rules if not rule.startswith(("/api/", "/agent/", "/static", "/metrics", "/tasks/export"))
    ]
    found = {page.rstrip("/") for page in pages if MENU in client.get(page).text} - {"/tasks/schedules/section"}
    assert found == TWINS.keys() == ROWS.keys() | {"/tasks/schedules/month"}


def test_the_api_finds_what_the_page_shows(client: Browser, session: Session, cast: Cast, api: Api) -> None:
    fill(cast)
    client.login("admin")
    seen = set()
    for page in (*ROWS, *ASKED):
        pattern, name = ROWS[page.partition("?")[0]]
        *_, url = copied(client, page)
        answer = api("admin").get(url.removeprefix("http://localhost/api/v1"))
        assert answer.status_code == 200, (page, url, answer.text)
        there = [str(item[name]) for item in answer.json["items"]]
        shown = re.findall(pattern, client.get(page).text, re.S)
        assert sorted(shown) == sorted(there), (page, url)
        seen |= {page.partition("?")[0]} if shown else set()
    assert seen == ROWS.keys()


def fill(cast: Cast) -> None:
    for host, tags in (("web-1", "blue"), ("web-2", "green"), ("db-1", "blue")):
        agent = made.agent(cast.acme, host)
        db.session.add(AgentTag(organization_id=cast.acme, agent_id=agent.id, tag=tags))
    for make in (
        samples.file_id,
        samples.object_id,
        samples.set_id,
        samples.calendar_id,
        samples.test_id,
        samples.schedule_id,
    ):
        make(cast.acme), make(cast.globex)
    db.session.commit()


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("/agents?tag=blue&q=web+1", "muster agents -q 'web 1' -t blue"), ("/agents?os=linux", ""),
        ("/tasks/schedules?status=paused", "muster schedules -s paused"), ("/library?retired=1", "muster tests --retired"),
        ("/calendars?q=NL", "muster calendars -q NL"), ("/plugins?q=dns", "muster plugins -q dns"),
        ("/object-sets?q=web", "muster object-sets -q web"), ("/files?q=a", ""),
    ],
)  # fmt: skip
def test_the_command_line_that_is_copied_is_one(client: Browser, session: Session, page: str, line: str) -> None:
    lines = copied(client.login("admin"), page)[:-1]
    assert lines == ([line] if line else [])
    for said in lines:
        read = CliRunner().invoke(muster, [*shlex.split(said)[1:], "--help"])
        assert read.exit_code == 0 and "List" in read.output


def test_without_a_list_there_is_nothing_to_copy(client: Browser, session: Session) -> None:
    client.login("viewer")
    assert client.get("/copies").location == "/"
    assert client.htmx("GET", "/copies", headers={"HX-Current-URL": "http://localhost/tasks/x"}).status_code == 302
