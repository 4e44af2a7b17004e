"""Signing in and out."""

from tests.browser import Browser
from tests.cast import PASSWORD


def test_the_right_password_opens_the_page_that_was_asked_for(client: Browser) -> None:
    client.get("/login?next=/me")
    answer = client.post("/login", data={"username": "alice", "password": PASSWORD, "next": "/me"})
    assert (answer.status_code, answer.location) == (303, "/me")
    assert "alice" in client.get("/me").text
