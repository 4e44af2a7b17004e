"""The filtered list as a file: everything that matches, nothing foreign, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp.tasks.models import Batch
from webapp.tasks.views import export


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


def test_what_is_selected_is_exported_and_nothing_else(client: Browser, session: Session, cast: Cast) -> None:
    one, other = made.task(cast.acme), made.task(cast.acme)
    several = made.tasks(cast.acme, ["=a", "b", "c"])
    ids = [one.uuid, f"{session.get_one(Batch, several[0].batch_id).uuid}*3", made.task(cast.globex).uuid, "x", "y*2"]
    form = client.login("viewer").post("/tasks/export.csv", data={"ids": ids}).get_data(as_text=True)
    found = list(csv.DictReader(io.StringIO(form)))
    assert [row["id"] for row in found] == [task.uuid for task in [*reversed(several), one]] and other.uuid not in form
    assert found[-2]["input"] == "'=a"


def test_all_that_match_are_exported_whatever_is_ticked(client: Browser, session: Session, cast: Cast) -> None:
    waiting, failed = made.task(cast.acme), made.ended(cast.acme, 3)
    form = {"scope": "matching", "query": "status=failed", "ids": [waiting.uuid]}
    answer = client.login("viewer").post("/tasks/export.json", data=form)
    assert [row["id"] for row in answer.get_json()] == [failed.uuid]
    assert client.post("/tasks/export.json", data=form | {"query": "q=statsu:x"}).status_code == 422


def test_more_than_one_bite_is_one_file(client: Browser, session: Session, cast: Cast) -> None:
    tasks = made.tasks(cast.acme, [str(number) for number in range(export.BITE + 3)])
    answer = client.login("viewer").post("/tasks/export.json", data={"ids": [f"{tasks[0].batch.uuid}*{len(tasks)}"]})
    assert [row["input"] for row in answer.get_json()] == [task.input for task in reversed(tasks)]


def test_nothing_selected_leads_back_to_the_list(client: Browser, session: Session, cast: Cast) -> None:
    answer = client.login("viewer").post("/tasks/export.csv", data={"ids": made.task(cast.globex).uuid})
    assert answer.status_code == 303 and "Nothing is selected" in client.get("/tasks").text
