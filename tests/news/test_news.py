"""What waits for somebody: who is told of what, how often, and the bell that says so."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import HTMX, Browser
from tests.cast import Cast
from tests.schedules import made as schedules
from tests.tasks import made
from webapp import clock
from webapp.access.permissions import Permission
from webapp.db import dialect, system_scope, writing_to
from webapp.events import Actor, Event
from webapp.news import expiring, lifecycle
from webapp.news.kinds import Kind
from webapp.news.models import News
from webapp.schedules import queries
from webapp.tasks import failures, launch
from webapp.tasks import lifecycle as tasks
from webapp.tasks.bulk import operations
from webapp.tasks.lifecycle import End
from webapp.tasks.notes import lifecycle as notes
from webapp.tasks.notes import mentions
from webapp.tasks.spec import parse
from webapp.tasks.states import Trigger

PAGE = "/me/notifications"
LIST = "/tasks"


@pytest.fixture
def oscar(cast: Cast) -> Actor:
    return Actor("user", "oscar", cast.id("oscar"))


def started(cast: Cast, by: Actor, inputs: int = 1, trigger: Trigger = Trigger.MANUAL, **options: Any) -> None:
    body = {"data": {"plugin_id": "demo", "input_data": [f"i{n}" for n in range(inputs)]}, "options": options}
    with writing_to(cast.acme):
        launch.launch(parse(body), trigger, by, clock.now())


def fail(number: int = 1) -> None:
    for taken in made.claimed(most=number):
        tasks.start(taken.task, taken.lease, made.WORKER, clock.now())
        tasks.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(1, error="The disk is full"))


def gather(session: Session) -> None:
    """As the caretaker does."""
    session.commit()
    with system_scope("test caretaker"):
        failures.tell(clock.now(), queries.makers)
    session.commit()


def told(session: Session, by: Actor | None = None) -> list[str]:
    mine = sa.select(News).where(*([News.user_id == by.id] if by else [])).order_by(News.id)
    return [news.text for news in session.scalars(mine.execution_options(populate_existing=True))]


def some(cast: Cast, by: Actor, number: int = 1) -> None:
    lifecycle.tell(
        lifecycle.item(cast.acme, by.id or 0, Kind.BULK, n, f"Refused {n}", "/operations/x", clock.now())
        for n in range(number)
    )


def rings(client: Browser) -> str:
    return client.get("/me").text.split('data-n="')[1].split('"')[0]


def test_a_failure_is_told_to_whoever_started_it(session: Session, cast: Cast, oscar: Actor) -> None:
    started(cast, oscar)
    fail()
    gather(session)
    assert told(session) == ["Demo failed: The disk is full"] == told(session, oscar)
    assert session.scalar(sa.select(sa.func.count()).where(Event.handled_at.is_(None))) == 0


def test_many_failures_of_one_act_are_one_news_that_counts_on(session: Session, cast: Cast, oscar: Actor) -> None:
    started(cast, oscar, 3)
    fail(2)
    gather(session)
    assert told(session) == ["2 of 3 failed: Demo"]
    lifecycle.read(oscar.id, clock.now())
    fail()
    gather(session)
    assert told(session) == ["3 of 3 failed: Demo"]
    assert session.scalars(sa.select(News.read_at)).all() == [None]


@pytest.mark.parametrize(("trigger", "options"), [(Trigger.API, {}), (Trigger.MANUAL, {"max_retries": 1})])
def test_what_a_program_started_or_what_is_tried_again_is_no_news(
    session: Session, cast: Cast, oscar: Actor, trigger: Trigger, options: dict[str, Any]
) -> None:
    started(cast, oscar, trigger=trigger, **options)
    fail()
    gather(session)
    assert told(session) == []


def test_a_failure_of_a_schedule_is_told_to_its_owner(session: Session, cast: Cast, oscar: Actor) -> None:
    now = clock.now().replace(microsecond=0)
    schedule = schedules.schedule(cast.acme, {"kind": "interval", "every": "1m"}, now - timedelta(minutes=2))
    schedule.created_by_id = oscar.id
    session.commit()
    schedules.ticked(now)
    fail()
    gather(session)
    assert len(told(session, oscar)) == 1 and "failed: The disk is full" in told(session, oscar)[0]


def test_a_mention_is_news_until_it_is_read_on_either_page(
    client: Browser, session: Session, cast: Cast, oscar: Actor
) -> None:
    task = made.ended(cast.acme, 1)
    by = Actor("user", "bea", cast.id("bea"))
    note = notes.add(task, "@oscar @bea look at this", by, clock.now())
    session.commit()
    assert told(session) == ["bea: @oscar @bea look at this"] == told(session, oscar)
    client.login("oscar").post(f"{PAGE}/read", data={"id": session.scalars(sa.select(News.id)).one()})
    assert not mentions.waiting_for(oscar.id, 5) and "Notes that mention you" not in client.get("/").text
    notes.edit(note, task, "never mind", 1, by, clock.now())
    assert told(session) == []


def test_refusals_of_a_bulk_act_are_told_with_where_to_read_them(session: Session, cast: Cast, oscar: Actor) -> None:
    ended, waiting = made.ended(cast.acme), made.task(cast.acme)
    operation = operations.start("cancel", [ended.uuid, waiting.uuid], cast.acme, oscar, clock.now())
    news = session.scalars(sa.select(News)).one()
    assert news.text == "1 of 2 cancelled, 1 refused" and news.href == f"/operations/{operation.uuid}"
    operations.start("cancel", [made.task(cast.acme).uuid], cast.acme, oscar, clock.now())
    assert len(told(session)) == 1


def test_a_token_that_ends_soon_is_told_once(session: Session, cast: Cast, oscar: Actor) -> None:
    for life in (timedelta(days=6), timedelta(days=8), None):
        factories.token(oscar.id or 0, cast.acme, [Permission.TASKS_READ], life)
    assert expiring.tell(clock.now()) == 1
    lifecycle.read(oscar.id, clock.now())
    assert expiring.tell(clock.now()) == 0
    assert session.scalar(sa.select(News.read_at)) is not None


def test_the_bell_counts_what_is_unread(client: Browser, session: Session, cast: Cast, oscar: Actor) -> None:
    assert rings(client.login("oscar")) == ""
    some(cast, oscar, 3)
    session.commit()
    assert rings(client) == "3" and 'aria-label="Notifications, 3 unread"' in client.get("/me").text
    one = session.scalars(sa.select(News.id).limit(1)).one()
    session.commit()
    assert client.post(f"{PAGE}/read", data={"id": one}).status_code == 303
    assert rings(client) == "2"
    assert client.post(f"{PAGE}/read", data={"id": "9" * 30}).status_code == 303
    client.login("vera").post(f"{PAGE}/read")
    assert rings(client.login("oscar")) == "2"
    client.post(f"{PAGE}/read")
    assert rings(client) == ""
    some(cast, oscar, 100)
    session.commit()
    assert rings(client) == "99+"


def test_a_silenced_kind_waits_in_silence(client: Browser, session: Session, cast: Cast, oscar: Actor) -> None:
    some(cast, oscar)
    session.commit()
    client.login("oscar").post(f"{PAGE}/kinds", data={"kind": ["mention", "failure"]})
    assert rings(client) == "" and "Refused 0" in client.get(PAGE).text
    client.post(f"{PAGE}/kinds", data={"kind": ["mention", "failure", "bulk"]})
    assert rings(client) == "1"


def test_news_of_an_organization_that_one_has_left_is_gone(
    client: Browser, session: Session, cast: Cast, oscar: Actor
) -> None:
    lifecycle.tell([lifecycle.item(cast.globex, oscar.id or 0, Kind.BULK, 1, "Theirs", "/operations/x", clock.now())])
    session.commit()
    assert rings(client.login("oscar")) == "" and "Theirs" not in client.get(PAGE).text


def test_the_list_is_paged(client: Browser, session: Session, cast: Cast, oscar: Actor) -> None:
    some(cast, oscar, 51)
    session.commit()
    page = client.login("oscar").get(PAGE).text
    assert "Refused 50" in page and "Refused 0<" not in page
    older = page.split('id="page-older"')[1].split('href="')[1].split('"')[0]
    page = client.get(older).text
    assert "Refused 0<" in page and f'hx-get="{older}"' in page


def test_a_poll_brings_the_number_and_without_news_nothing(
    client: Browser, session: Session, cast: Cast, oscar: Actor
) -> None:
    tag = client.login("oscar").get(LIST, headers=HTMX).headers["ETag"]
    assert client.get(LIST, headers=HTMX | {"If-None-Match": tag}).status_code == 304
    some(cast, oscar, 2)
    session.commit()
    answer = client.get(LIST, headers=HTMX | {"If-None-Match": tag})
    assert answer.status_code == 200
    assert json.loads(answer.headers["HX-Trigger"])["news"] == {"n": "2", "label": "Notifications, 2 unread"}
    tag = answer.headers["ETag"]
    assert client.get(LIST, headers=HTMX | {"If-None-Match": tag}).status_code == 304


def test_old_news_goes(session: Session, cast: Cast, oscar: Actor) -> None:
    some(cast, oscar)
    assert lifecycle.forget_old(clock.now() + timedelta(days=89)) == 0
    assert lifecycle.forget_old(clock.now() + timedelta(days=91)) == 1


def test_what_is_unread_is_one_range_of_an_index(session: Session, cast: Cast) -> None:
    if dialect() != "sqlite":
        return  # PostgreSQL plans by the numbers of rows, and here there are none
    unread = "EXPLAIN QUERY PLAN SELECT id FROM news WHERE user_id = 1 AND read_at IS NULL LIMIT 100"
    newest = "EXPLAIN QUERY PLAN SELECT * FROM news WHERE user_id = 1 ORDER BY at DESC, id DESC LIMIT 50"
    for question, index in ((unread, "ix_news_unread"), (newest, "ix_news_newest")):
        plans = [row[3] for row in session.connection().exec_driver_sql(question)]
        assert len(plans) == 1 and f"INDEX {index} (user_id=?" in plans[0]
