"""The help says what there is: nothing that it shows is out of date, for the product itself is asked."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from tests.browser import Browser
from tests.cast import Cast
from webapp import clock
from webapp.access.permissions import Permission
from webapp.dashboard.views import help
from webapp.tasks.lists import filters
from webapp.tasks.reasons import Reason
from webapp.tasks.states import Status


@pytest.mark.parametrize("text", [text for text, _ in help.EXAMPLES])
def test_each_example_is_understood(text: str) -> None:
    assert not filters.parse(MultiDict({"q": text}), clock.now()).empty


def test_everything_that_has_a_name_is_told(client: Browser, cast: Cast) -> None:
    page = client.login("viewer").get("/help").text
    for name in [*Status, *Reason, *filters.KEYS]:
        assert name in page
    assert page.count('id="right-') == len(Permission)
    assert set(help.MEANS) == set(Status)


def test_each_document_can_be_read(app: Flask, client: Browser, cast: Cast) -> None:
    client.login("viewer")
    names = [path.stem for path in help.DOCS.glob("*.md")]
    assert "quickstart" in names
    for name in names:
        assert f'href="/help/{name}"' in client.get("/help").text
        assert client.get(f"/help/{name}").status_code == 200
    assert client.get("/help/nothing").status_code == 404
    assert client.get("/help/..%2Fpyproject").status_code == 404


def test_the_foot_of_every_page_leads_there(client: Browser, cast: Cast) -> None:
    page = client.login("viewer").get("/tasks").text
    assert 'href="/help"' in page and client.get("/help").status_code == 200
