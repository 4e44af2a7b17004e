"""Objects: found by type and word, and one with what is known of it and who saw it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.db import writing_to
from webapp.objects import lifecycle, types
from webapp.objects.lifecycle import Seen
from webapp.objects.models import Object
from webapp.tasks.models import Task

HOST = {"network": "internet", "name": "www.example.com"}
RECORD = {"network": "internet", "hostname": "www.example.com", "address": "192.0.2.7", "ttl": 300}


@pytest.fixture
def task(session: Session, cast: Cast) -> Task:
    """One that saw a name and its address record."""
    found = made.task(cast.acme)
    seen = [_seen("hostname", HOST), _seen("dns_a_record", RECORD)]
    with writing_to(cast.acme):
        lifecycle.see(cast.acme, seen, clock.now(), task_id=found.id)
    session.commit()
    return found


def _seen(type: str, fields: dict[str, object]) -> Seen:
    data = types.clean(type, fields)
    return Seen(type, types.natural_key(type, data), data)


def number(session: Session, type: str) -> int:
    return session.scalars(sa.select(Object.id).where(Object.type == type)).one()


def test_the_list_is_filtered_by_type_and_words(client: Browser, task: Task) -> None:
    client.login("viewer")
    assert client.get("/objects").text.count('id="object-') == 2
    assert client.get("/objects?type=hostname").text.count('id="object-') == 1
    assert client.get("/objects?q=192.0.2+example").text.count('id="object-') == 1
    assert "No object matches" in client.get("/objects?q=elsewhere").text
    assert client.get(f"/objects?after={10**30}").status_code == 200


def test_a_long_list_has_pages(client: Browser, session: Session, cast: Cast) -> None:
    seen = [_seen("hostname", {"name": f"h{n}.example"}) for n in range(60)]
    with writing_to(cast.acme):
        lifecycle.see(cast.acme, seen, clock.now())
    first = client.login("viewer").get("/objects")
    older = first.text.split('id="page-older"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    assert first.text.count('id="object-') + client.get(older).text.count('id="object-') == 60


def test_one_says_what_is_known_and_who_saw_it(client: Browser, session: Session, task: Task) -> None:
    page = client.login("viewer").get(f"/objects/{number(session, 'dns_a_record')}").text
    assert "192.0.2.7" in page and f"/tasks/{task.uuid}" in page
    assert f'href="/objects/{number(session, "hostname")}">www.example.com' in page


def test_a_plugin_that_takes_it_is_offered(client: Browser, session: Session, task: Task) -> None:
    path = f"/objects/{number(session, 'hostname')}"
    asked = "plugin=dns_records&amp;inputs=internet%7Cwww.example.com"
    assert asked in client.login("operator").get(path).text
    assert asked not in client.login("viewer").get(path).text


def test_a_deleted_one_is_gone_until_it_is_seen_again(client: Browser, session: Session, task: Task) -> None:
    path = f"/objects/{number(session, 'hostname')}"
    assert client.login("viewer").post(f"{path}/delete").status_code == 403
    assert client.login("admin").post(f"{path}/delete").location == "/objects?type=hostname"
    assert client.get(path).status_code == 404
    with writing_to(task.organization_id):
        lifecycle.see(task.organization_id, [_seen("hostname", HOST)], clock.now())
    assert client.get(path).status_code == 200
