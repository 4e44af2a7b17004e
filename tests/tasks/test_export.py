"""The filtered list as a file: everything that matches, nothing foreign, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made


def rows(client: Browser, query: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(f"/tasks/export.csv{query}").get_data(as_text=True))))


def test_the_file_holds_what_the_filter_selects_and_nothing_foreign(
    client: Browser, session: Session, cast: Cast
) -> None:
    made.tasks(cast.acme, ["a", "b"])
    made.ended(cast.acme, 3)
    made.task(cast.globex)
    client.login("viewer")
    assert len(rows(client)) == 3
    assert [(row["status"], row["exit_code"]) for row in rows(client, "?status=failed")] == [("failed", "3")]
    assert {row["input"] for row in client.get("/tasks/export.json?status=queued").get_json()} == {"a", "b"}


def test_an_empty_file_is_a_file(client: Browser, session: Session) -> None:
    client.login("viewer")
    assert rows(client) == [] and client.get("/tasks/export.json").get_json() == []


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx"])
def test_a_spreadsheet_calculates_nothing(client: Browser, session: Session, cast: Cast, text: str) -> None:
    made.tasks(cast.acme, [text])
    assert rows(client.login("viewer"))[0]["input"].startswith("'")


def test_a_filter_that_cannot_be_understood_is_told(client: Browser, session: Session) -> None:
    assert client.login("viewer").get("/tasks/export.csv?q=statsu:x").status_code == 422
