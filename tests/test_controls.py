"""A page offers nobody what they may not do: what its buttons and forms send is allowed to who is shown them."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from tests.test_routes import ROLE_OF, allowed

SENT = re.compile(r"""(?:formaction|hx-post)="([^"#]+)"|<form[^>]*method="post"[^>]*action="([^"#]+)\"""")


def offered(page: str) -> set[str]:
    return {(first or second).partition("?")[0] for first, second in SENT.findall(page)}


def addresses(app: Flask, cast: Cast) -> list[str]:
    """The pages of the menu, and those of tasks in every kind of state, with the menus of their rows."""
    waiting, failed, running = made.task(cast.acme), made.ended(cast.acme, 1), made.started(cast.acme).task
    made.agent(cast.acme)
    tasks = [f"/tasks/{task.uuid}" for task in (waiting, failed, running)]
    menu = [item.href for section in app.extensions["menu"].values() for item in section]
    tabs = [item.href for section in app.extensions["tabs"].values() for item in section]
    return [*menu, *tabs, *tasks, *(f"{task}/menu" for task in tasks), *(f"{task}?tab=notes" for task in tasks)]


@pytest.mark.parametrize("who", [*ROLE_OF, "sid"])
def test_what_is_offered_is_allowed(app: Flask, client: Browser, session: Session, cast: Cast, who: str) -> None:
    urls = app.url_map.bind("localhost")
    seen = 0
    for address in addresses(app, cast):
        client.login(who)
        answer = client.htmx("GET", address) if address.endswith("/menu") else client.get(address)
        for url in offered(answer.text) if answer.status_code == 200 else ():
            endpoint, _ = urls.match(url, method="POST")
            assert allowed(app.view_functions[endpoint].access, who), f"{who} is shown {url} on {address}"  # type: ignore[attr-defined]
            seen += 1
    assert seen
