"""One filter means the same in the page, over REST and in a terminal."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.commands.conftest import Muster
from tests.rest.conftest import Api
from tests.tasks import made
from webapp import clock
from webapp.events import Actor
from webapp.tasks.notes import lifecycle as notes

pytestmark = pytest.mark.one_database

FILTERS = (
    "", "status:failed", "status:open plugin:demo", "type:execute_command agent:web-*", "tag:prod", "needle", "owner:me since:1h",
    "mentions:me", "notes:1", 'reason:exit_code "a"', "until:2020-01-01",
)  # fmt: skip


@pytest.fixture
def several(session: Session, cast: Cast) -> None:
    failed = made.ended(cast.acme, 3)
    made.ended(cast.acme)
    made.agent(cast.acme, "web-1", tags=["prod"])
    made.command(cast.acme, {"agents": ["web-1"]}, "echo needle")
    made.task(cast.acme, tags=["prod"])
    notes.add(failed, "@oscar, look", Actor("user", "bea", cast.id("bea")), clock.now())
    session.commit()


def test_the_same_tasks_everywhere(several: None, muster: Muster, client: Browser, api: Api) -> None:
    client.login("oscar")
    for words in FILTERS:
        page = client.get("/tasks", query_string={"q": words, "per": 100}).text
        listed = re.findall(r'<tr id="t-([0-9a-f-]{36})"', page)
        over_rest = [each["id"] for each in api().get("/tasks/", query_string={"q": words, "limit": 500}).json["items"]]
        printed = [each["id"] for each in json.loads(muster("tasks", "-q", words, "--json").stdout)]
        assert sorted(listed) == sorted(over_rest) == sorted(printed), words


def test_what_it_prints_into_a_pipe_stays_the_same(several: None, muster: Muster) -> None:
    """Neither colours nor the width of a window nor the time of day."""
    first = muster("tasks", "-q", "status:failed", COLUMNS="40", FORCE_COLOR="1").stdout
    assert first == muster("tasks", "-q", "status:failed", COLUMNS="200", NO_COLOR="1").stdout
    assert "\x1b" not in first and all("\t" in line for line in first.splitlines())
