"""The pages of object sets: what they show, what their forms take, and what a query that is wrong does."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from webapp import clock
from webapp.db import within, writing_to
from webapp.events import SYSTEM
from webapp.objects import lifecycle, sets, types
from webapp.objects.lifecycle import Seen
from webapp.objects.models import Object, ObjectSet
from webapp.schedules.models import Schedule

FORM = {"name": "Web", "type": "hostname", "query": "name:*.example.com", "picked": "internet|picked.example.org"}


@pytest.fixture
def hosts(session: Session, cast: Cast) -> None:
    names = ("a.example.com", "b.example.com", "c.example.net")
    seen = [Seen("hostname", f"internet|{name}", {"network": "internet", "name": name}) for name in names]
    with within(cast.acme):
        lifecycle.see(cast.acme, seen, clock.now())
    session.commit()


def only(session: Session) -> ObjectSet:
    return session.scalars(sa.select(ObjectSet).execution_options(populate_existing=True)).one()


def test_a_set_is_made_looked_at_changed_and_deleted(client: Browser, session: Session, hosts: None) -> None:
    client.login("admin")
    assert "No object sets." in client.get("/object-sets").text
    made = client.post("/object-sets/", data=FORM)
    assert made.status_code == 303, made.text
    path = f"/object-sets/{only(session).id}"
    page = client.get(path).text
    assert all(
        key in page for key in ("internet|a.example.com", "internet|b.example.com", "internet|picked.example.org")
    )
    assert (
        "c.example.net" not in page
        and '<span class="count">3</span>' in page
        and "Web" in client.get("/object-sets").text
    )
    assert client.post(path, data=FORM | {"name": "Net", "query": "name:*.net", "version": "1"}).status_code == 303
    assert "c.example.net" in client.get(path).text and only(session).name == "Net"
    assert client.post(f"{path}/delete").status_code == 303
    assert client.get(path).status_code == 404


def test_the_preview_counts_and_a_wrong_query_finds_nobody(client: Browser, hosts: None) -> None:
    client.login("admin")
    found = client.htmx("POST", "/object-sets/preview", data=FORM | {"picked": ""}).text
    assert "internet|a.example.com" in found and "c.example.net" not in found
    wrong = client.htmx("POST", "/object-sets/preview", data=FORM | {"query": "nome:x", "picked": ""})
    assert (
        wrong.status_code == 200
        and "finds nothing" in wrong.text
        and "example" not in wrong.text.partition("finds nothing")[2]
    )


@pytest.mark.parametrize(("typed", "field", "text"), [
    ({"name": ""}, "name", "Name the set"),
    ({"query": "nome:x"}, "query", "nome"),
    ({"query": "", "picked": ""}, "query", "pick objects"),
    ({"picked": "internet|no host"}, "picked", ""),
])  # fmt: skip
def test_what_is_wrong_is_told_at_its_field(
    client: Browser, session: Session, typed: dict[str, str], field: str, text: str
) -> None:
    answer = client.login("admin").post("/object-sets/", data=FORM | typed)
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text and text in answer.text
    assert session.scalar(sa.select(sa.func.count()).select_from(ObjectSet)) == 0


def test_two_who_edit_at_once(client: Browser, session: Session) -> None:
    client.login("admin").post("/object-sets/", data=FORM)
    path = f"/object-sets/{only(session).id}"
    client.post(path, data=FORM | {"name": "Theirs", "version": "1"})
    late = client.post(path, data=FORM | {"name": "Mine", "version": "1"})
    assert late.status_code == 409 and "changed this set meanwhile" in late.text and 'value="Mine"' in late.text
    assert only(session).name == "Theirs"


def test_a_set_is_kept_fresh_from_its_page(client: Browser, session: Session, cast: Cast) -> None:
    with within(cast.acme):
        kept = sets.create({"name": "Hosts", "type": "hostname", "query": "*"}, SYSTEM, clock.now() - timedelta(days=1))
        session.commit()
    client.login("admin")
    assert f"/tasks/schedules/new?object_set={kept.id}" in client.get(f"/object-sets/{kept.id}").text
    page = client.get(f"/tasks/schedules/new?object_set={kept.id}&when=freshness").text
    assert f'<option value="{kept.id}" selected>' in page and "Fresh for" in page
    form = {"kind": "plugin", "plugin": "dns_records", "object_set": str(kept.id), "when": "freshness",
            "freshness_every": "12h", "timezone": "UTC", "misfire": "once", "overlap": "skip"}  # fmt: skip
    assert client.post("/tasks/schedules", data=form).status_code == 303
    schedule = session.scalars(sa.select(Schedule)).one()
    assert (schedule.on, schedule.spec["target"]) == ("Object set Hosts", {"object_set": str(kept.id)})
    assert f'<option value="{kept.id}" selected>' in client.get(f"/tasks/schedules/{schedule.id}/edit").text
    assert schedule.name in client.get("/tasks/schedules?q=Object+set+Hosts").text
    client.post(f"/object-sets/{kept.id}", data=FORM | {"name": "Machines", "version": "1"})
    listed = client.get("/tasks/schedules?q=machines").text
    assert "Object set Machines" in listed and schedule.name in listed and "Object set Hosts" not in listed
    assert schedule.name not in client.get("/tasks/schedules?q=Hosts").text
    assert f'href="/tasks/schedules/{schedule.id}"' in client.get(f"/object-sets/{kept.id}").text


def test_a_set_is_made_of_what_is_ticked_in_the_list(
    client: Browser, session: Session, cast: Cast, hosts: None
) -> None:
    client.login("admin")
    ids = {row.key: row.id for row in session.scalars(sa.select(Object).where(Object.type == "hostname"))}
    page = client.get("/objects?type=hostname").text
    assert all(f'id="s-{number}" name="ids"' in page for number in ids.values()) and "Make a set of these" in page
    keys = sorted(ids)[:2]
    form = client.post("/object-sets/selection", data={"ids": [ids[key] for key in keys]}).text
    assert (
        "\n".join(keys) in form
        and '<option selected value="hostname">' in form
        and not session.scalar(sa.select(ObjectSet))
    )
    assert client.post("/object-sets/", data=FORM | {"query": "", "picked": "\n".join(keys)}).status_code == 303
    assert only(session).picked == keys


def test_what_makes_no_set_says_why(client: Browser, session: Session, cast: Cast, hosts: None) -> None:
    data = types.clean("ipaddress", {"network": "internet", "address": "192.0.2.7"})
    with writing_to(cast.acme):
        lifecycle.see(cast.acme, [Seen("ipaddress", types.natural_key("ipaddress", data), data)], clock.now())
    session.commit()
    every = [str(number) for number in session.scalars(sa.select(Object.id))]
    client.login("admin")
    assert "Tick at least one object" in client.post("/object-sets/selection", data={"ids": ["x", "0"]}).text
    mixed = client.post("/object-sets/selection", data={"ids": every})
    assert mixed.status_code == 422 and "one type and one organization" in mixed.text
    assert client.login("foreign").post("/object-sets/selection", data={"ids": every}).status_code == 422
    client.login("viewer")
    assert 'name="ids"' not in client.get("/objects").text
    assert client.post("/object-sets/selection", data={"ids": every}).status_code == 403


def test_many_sets_are_counted_in_one_statement(
    session: Session, cast: Cast, hosts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    picked = ["internet|a.example.com", "internet|elsewhere.example.org"]
    with within(cast.acme):
        for number, query in enumerate(("*", "name:*.net", "name:*.com", "")):
            facts = {"name": str(number), "type": "hostname", "query": query, "picked": picked}
            sets.create(facts, SYSTEM, clock.now())
    session.commit()
    every = session.scalars(sets.listed().order_by(ObjectSet.id)).all()
    every[1].query = "no such term:"  # as a release that knew it may have saved it
    session.commit()
    asked: list[str] = []
    connection = session.connection()
    sa.event.listen(connection, "before_cursor_execute", lambda _, __, statement, *___: asked.append(statement))
    assert sets.counts(every, clock.now()) == [4, 2, 3, 2] and len(asked) == 1
    assert [sets.count(each, clock.now()) for each in every] == [4, 2, 3, 2]
    monkeypatch.setattr(sets, "MOST_PICKED", 4)
    assert [len(bite) for bite in sets._bites(every)] == [2, 2] and sets.counts(every, clock.now()) == [4, 2, 3, 2]


def test_viewers_look_and_do_not_touch(client: Browser, session: Session) -> None:
    client.login("admin").post("/object-sets/", data=FORM)
    path = f"/object-sets/{only(session).id}"
    client.login("viewer")
    page = client.get(path).text
    assert "Edit" not in page.partition("<main")[2] and "Keep fresh" not in page
    assert client.get(f"{path}/edit").status_code == client.post(f"{path}/delete").status_code == 403
