"""The menu is short until there is something to find, and then it is remembered."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session

from tests.browser import HTMX, Browser
from tests.cast import Cast
from webapp import clock, queue
from webapp.db import writing_to
from webapp.files.models import File
from webapp.objects import lifecycle as objects
from webapp.objects.lifecycle import Seen


def labels(client: Browser, url: str = "/tasks") -> dict[str, list[str]]:
    """The items of each section."""
    nav = client.get(url).text.split('<nav id="nav"')[1].split("</nav>")[0]
    sections = re.findall(r"<h2>([^<]+)</h2>(.*?)</section>", nav, re.S)
    return {title: re.findall(r"<span>([^<]+)</span>", items) for title, items in sections}


def an_object(cast: Cast) -> None:
    with writing_to(cast.acme):
        objects.see(cast.acme, [Seen("hostname", "internet|a.example", {"network": "internet"})], clock.now())


def a_file(cast: Cast, session: Session) -> None:
    session.add(File(organization_id=cast.acme, name="a.txt", size=1, sha256="0" * 64, created_at=clock.now()))


@pytest.mark.parametrize("what", ["object", "file"])
def test_data_is_one_item_until_there_is_some(client: Browser, session: Session, cast: Cast, what: str) -> None:
    assert labels(client.login("operator"))["Data"] == ["Data"] and "Rules" not in labels(client)
    assert "Files" in labels(client, "/objects")["Data"]
    an_object(cast) if what == "object" else a_file(cast, session)
    session.commit()
    assert labels(client)["Data"] == ["Data"]
    queue.client(client.application.extensions["settings"]).flushall()  # as after half a minute
    assert {"Objects", "Files"} <= set(labels(client)["Data"])


def test_an_operator_sees_at_most_seven_places_of_work_and_fleet(client: Browser, session: Session) -> None:
    shown = labels(client.login("operator"))
    assert len(shown["Work"] + shown["Fleet"]) <= 7


def test_a_poll_does_not_ask_what_the_menu_holds(client: Browser, session: Session) -> None:
    client.login("operator").get("/tasks", headers=HTMX)
    broker = queue.client(client.application.extensions["settings"])
    assert not list(broker.scan_iter("muster:holds:*"))
