"""A run beside the last one that went well."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.tasks import compare, lifecycle, runs
from webapp.tasks.lifecycle import End
from webapp.tasks.log import output
from webapp.tasks.models import Task


def ran(cast: Cast, settings: Settings, text: str, exit_code: int = 0, **options: object) -> Task:
    taken = made.started(cast.acme, clock.now() - timedelta(minutes=1), **options)
    output.append(output.folder(settings.data, taken.task.uuid), "stdout", 0, text.encode(), at_ms=0)
    lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(exit_code, stdout_size=len(text)))
    return taken.task


def test_what_differs_is_told(session: Session, cast: Cast, settings: Settings) -> None:
    good = ran(cast, settings, "one\ntwo\nthree\n")
    bad = ran(cast, settings, "one\n\x1b[31m2\x1b[0m\nthree\n", 1, execution_timeout=60)
    found = compare.with_last_success(bad, settings.data)
    assert found and found.other.id == good.id and not found.cut
    differing = {fact.name: (fact.mine, fact.theirs) for fact in found.differing}
    assert differing["exit code"] == ("1", "0") and differing["execution_timeout"] == ("60", "")
    assert [(line.kind, line.text) for line in found.lines if line.kind in ("added", "removed")] == [
        ("removed", "two"),
        ("added", "2"),
    ]


def test_the_same_is_the_same(session: Session, cast: Cast, settings: Settings) -> None:
    ran(cast, settings, "one\n")
    found = compare.with_last_success(ran(cast, settings, "one\n"), settings.data)
    assert found and found.same_output


def test_only_ends_are_compared(session: Session, cast: Cast, settings: Settings) -> None:
    ran(cast, settings, "".join(f"a {n}\n" for n in range(5000)))
    found = compare.with_last_success(ran(cast, settings, "".join(f"b {n}\n" for n in range(5000)), 1), settings.data)
    assert found and found.cut and len(found.lines) <= compare.DIFFERENCES


def test_the_nearest_success_before_it_is_taken(session: Session, cast: Cast, settings: Settings) -> None:
    first, bad, later = (ran(cast, settings, "x", code) for code in (0, 1, 0))
    assert runs.last_success(bad).id == first.id  # type: ignore[union-attr]
    assert runs.last_success(later).id == first.id  # type: ignore[union-attr]


def test_other_inputs_and_organisations_do_not_count(
    client: Browser, session: Session, cast: Cast, settings: Settings
) -> None:
    made.ended(cast.globex)
    bad = ran(cast, settings, "x", 1)
    made.tasks(cast.acme, ["another input"])
    assert runs.last_success(bad) is None
    assert "Nothing to compare with" in client.login("viewer").get(f"/tasks/{bad.uuid}?tab=compare").text
