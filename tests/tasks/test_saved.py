"""Views under a name: one's own and the team's, in the list, in the menu, and as what Tasks opens with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from webapp.tasks.lists.models import SavedView

FAILED = {"name": "Broken", "status": "failed"}


@pytest.fixture
def save(client: Browser) -> Callable[..., Browser]:
    def do(who: str, **more: str) -> Browser:
        assert client.login(who).post("/tasks/views", data=FAILED | more).status_code == 303
        return client

    return do


def menu(client: Browser, who: str) -> str:
    text = client.login(who).get("/agents").text
    return text[text.index('id="nav"') : text.index("</nav>")]


def test_a_pinned_view_of_ones_own_is_in_ones_menu_alone(
    session: Session, cast: Cast, save: Callable[..., Browser]
) -> None:
    client = save("operator", pinned="on")
    assert 'href="/tasks?status=failed"' in menu(client, "operator")
    assert "Broken" not in menu(client, "viewer")


def test_the_teams_is_in_everybodys(session: Session, cast: Cast, save: Callable[..., Browser]) -> None:
    client = save("operator", pinned="on", shared="on")
    assert "Broken" in menu(client, "viewer")
    assert "Broken" not in menu(client, "mallory")


def test_it_is_put_into_the_menu_and_taken_out_by_its_owner(
    session: Session, cast: Cast, save: Callable[..., Browser]
) -> None:
    client = save("operator", shared="on")
    view = session.scalars(sa.select(SavedView)).one()
    assert "Broken" not in menu(client, "operator")
    for pinned, there in (("on", True), ("off", False)):
        client.post(f"/tasks/views/{view.id}/pin", data={"pinned": pinned})
        assert ("Broken" in menu(client, "operator")) is there
    assert client.login("admin").post(f"/tasks/views/{view.id}/pin", data={"pinned": "on"}).status_code == 404


def test_tasks_opens_with_what_was_chosen(session: Session, cast: Cast, client: Browser) -> None:
    client.login("viewer").post("/tasks/views/default", data={"query": "status=failed&junk=1"})
    assert 'href="/tasks?status=failed"' in menu(client, "viewer")
    assert 'href="/tasks"' in menu(client, "operator")
    client.login("viewer").post("/tasks/views/default", data={"query": ""})
    assert 'href="/tasks"' in menu(client, "viewer")


def test_it_is_deleted_by_its_owner(session: Session, cast: Cast, save: Callable[..., Browser]) -> None:
    client = save("operator", shared="on")
    view = session.scalars(sa.select(SavedView)).one()
    assert client.login("admin").post(f"/tasks/views/{view.id}/delete").status_code == 404
    client.login("operator").post(f"/tasks/views/{view.id}/delete")
    assert not session.scalars(sa.select(SavedView)).all()
