"""A test client that behaves like a browser with a person in front of it."""

from __future__ import annotations

import contextvars
import hashlib
import hmac
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests import cast
from webapp import clock
from webapp.access import sessions
from webapp.access.models import User
from webapp.db import unit

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


class Browser(FlaskClient):
    """Each request runs in a context of its own: Flask would take over an app context that a fixture left open,
    and with it the user of an earlier request. Changing requests carry the form token, as the pages' script does.
    What the test has made in its own session is committed before, and read afresh after."""

    def open(self, *args: Any, csrf: bool = True, **kwargs: Any) -> TestResponse:
        self.settle()
        if csrf and (token := self.form_token()):
            kwargs["headers"] = {"X-CSRFToken": token} | dict(kwargs.get("headers") or {})
        kwargs.setdefault("buffered", True)  # read to the end and closed, as files must be
        return contextvars.Context().run(super().open, *args, **kwargs)

    def settle(self) -> None:
        if session := self.application.extensions.get("test_session"):
            session.commit()
            session.expire_all()

    def form_token(self) -> str:
        cookie = self.get_cookie("muster_session")
        secret = f"form:{cookie.value}".encode() if cookie else b""
        key = str(self.application.secret_key).encode()
        return hmac.new(key, secret, hashlib.sha256).hexdigest() if cookie else ""

    def htmx(self, method: str, url: str, **kwargs: Any) -> TestResponse:
        headers = HTMX | dict(kwargs.pop("headers", {}))
        return self.open(url, method=method, headers=headers, **kwargs)

    def login(self, who: str) -> Browser:
        """Signed in as a person of the cast, named or by role."""
        self.settle()
        with unit(self.application, "test sign-in") as session:
            user = session.query(User).filter_by(username=cast.name(who)).one()
            secret = sessions.start(user, "127.0.0.1", "test browser", clock.now())
        self.set_cookie("muster_session", secret)
        return self

    def forget(self) -> Browser:
        self.delete_cookie("muster_session")
        return self
