"""Programs for tests: each has a token of its own, in the organisation of its owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests import cast as people
from tests import factories
from tests.browser import Browser
from tests.cast import Cast
from tests.rest.serving import serving
from webapp.access.permissions import ADMIN, ROLES

ROLE_OF = {"alice": "admin", "oscar": "operator", "vera": "viewer", "mallory": "admin", "bea": "operator"}


class Program:
    """Calls the API as a script does: a token, JSON, no cookie."""

    def __init__(self, app: Flask, token: str) -> None:
        self.client: Browser = app.test_client()  # type: ignore[assignment]
        self.token = token

    def call(self, method: str, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} | dict(kwargs.pop("headers", {}))
        if json is not None:
            kwargs["json"] = json
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        return self.call("POST", path, json, **kwargs)

    def put(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        return self.call("PUT", path, json, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.call("DELETE", path, **kwargs)


Api = Callable[..., Program]


@pytest.fixture
def api(app: Flask, session: Session, cast: Cast) -> Api:
    """`api("operator")`, or `api("admin", Permission.TASKS_READ)` with only some of its rights."""

    def program(who: str = "operator", *permissions: str) -> Program:
        name = people.name(who)
        home = cast.globex if name == "mallory" else cast.acme
        rights = permissions or (ADMIN if name == "sid" else ROLES[ROLE_OF[name]])
        text, _ = factories.token(cast.id(name), home, rights)  # type: ignore[arg-type]
        session.commit()
        return Program(app, text)

    return program


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    with serving(app) as address:
        yield address
