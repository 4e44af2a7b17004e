"""Finding tasks by words: alike on both databases, at once, and never another organisation's."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.db import scope_to, system_scope
from webapp.tasks.lists import batches, filters, search
from webapp.tasks.notes import lifecycle as notes


def found(text: str) -> list[str]:
    chosen = filters.parse(MultiDict({"q": text}), clock.now())
    return [line.task.input for line in batches.page(chosen, 25).lines if line.task]


@pytest.fixture
def some(session: Session, cast: Cast) -> None:
    for text in ("web-03.example.com", "db-1.example.com", "Straße München"):
        made.tasks(cast.acme, [text])


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(("text", "inputs"), [
    ("web-03", ["web-03.example.com"]),
    ("WEB", ["web-03.example.com"]),
    ("exam", ["db-1.example.com", "web-03.example.com"]),
    ("example web", ["web-03.example.com"]),
    ('"web-03.example"', ["web-03.example.com"]),
    ("münch", ["Straße München"]),
    ("eb-03", []),
    ("nothing", []),
    ("' OR 1=1 --", []),
    ('" AND *', []),
    ("***", []),
])  # fmt: skip
def test_words_are_found_by_their_beginnings(text: str, inputs: list[str]) -> None:
    assert sorted(found(text)) == inputs


def test_reasons_and_errors_are_found(session: Session, cast: Cast) -> None:
    made.ended(cast.acme, 3)
    assert len(found("exit_code")) == 1
    assert found("timed out") == []


def test_notes_are_found_until_they_are_deleted(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    note = notes.add(task, "The **resolver** was down", made.ANN, clock.now())
    session.commit()
    assert found("resolver") == ["a"]
    notes.edit(note, task, "All is well", 1, made.ANN, clock.now())
    session.commit()
    assert found("resolver") == [] and found("well") == ["a"]
    notes.delete(note, task, made.ANN, clock.now())
    assert found("well") == []


def test_output_is_found_by_its_words_and_by_the_log_filter_alone(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    search.add_log(task.id, b"certificate expired\n", b"\xff bye")
    session.commit()
    assert found("certificate") == ["a"] and found('log:"certificate expired"') == ["a"]
    assert found("log:a") == []


def test_words_of_another_organisation_are_not_found(session: Session, cast: Cast) -> None:
    made.tasks(cast.globex, ["secret.example"])
    session.commit()
    scope_to([cast.acme], cast.acme)
    assert found("secret") == []
    with system_scope("test"):
        assert found("secret") == ["secret.example"]
