"""The pages of the test library: what is retired leaves it, and comes back."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from webapp import clock
from webapp.db import db
from webapp.events import SYSTEM
from webapp.library import lifecycle
from webapp.library.models import Test


@pytest.fixture
def test(session: Session, cast: Cast) -> Test:
    made = lifecycle.add_test(cast.acme, "smb-signing", "SMB signing", SYSTEM, clock.now())
    db.session.commit()
    return made


def test_a_test_is_retired_and_restored(client: Browser, test: Test) -> None:
    page = f"/library/{test.id}"
    assert f'formaction="{page}/retire"' in client.login("admin").get(page).get_data(as_text=True)
    assert client.post(f"{page}/retire").status_code == 303
    told = client.get("/library").get_data(as_text=True)
    assert "SMB signing is retired" in told and f"{page}/restore" in told and f'href="{page}"' not in told
    assert f'href="{page}"' in client.get("/library?retired=1").get_data(as_text=True)
    retired = client.get(page).get_data(as_text=True)
    assert "Restore" in retired and "Add a build" not in retired
    assert client.htmx("POST", f"{page}/retire").status_code == 409
    client.post(f"{page}/restore")
    assert f'href="{page}"' in client.get("/library").get_data(as_text=True)


def test_retiring_is_for_those_who_may(client: Browser, test: Test) -> None:
    page = f"/library/{test.id}"
    assert "Retire" not in client.login("viewer").get(page).get_data(as_text=True)
    assert client.post(f"{page}/retire").status_code == 403
    assert client.login("foreign").post(f"{page}/retire").status_code == 404
