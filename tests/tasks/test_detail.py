"""The page of one task: what it says, to whom, and how it keeps itself fresh."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.events import SYSTEM, Event
from webapp.tasks import lifecycle
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task

TABS = ("output", "files", "objects", "notes", "attempts", "compare", "details")


def seen(client: Browser, task: Task, who: str = "operator", **query: str) -> str:
    answer = client.login(who).get(f"/tasks/{task.uuid}", query_string=query)
    assert answer.status_code == 200
    return answer.text


def failed(cast: Cast, **facts: object) -> Task:
    taken = made.started(cast.acme)
    lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(**{"exit_code": 1} | facts))  # type: ignore[arg-type]
    return taken.task


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_shows_itself_to_viewers(client: Browser, session: Session, cast: Cast, tab: str) -> None:
    page = seen(client, made.ended(cast.acme), "viewer", tab=tab)
    assert f'id="tab-{tab}"' in page and page.count('aria-current="page"') >= 1


def test_an_unknown_tab_is_the_output(client: Browser, session: Session, cast: Cast) -> None:
    assert "printed nothing" in seen(client, made.ended(cast.acme), tab="<b>")


def test_a_beginning_of_the_id_leads_to_the_page(client: Browser, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    answer = client.login("viewer").get(f"/tasks/{task.uuid[:8].upper()}?tab=notes")
    assert answer.status_code == 302 and answer.location == f"/tasks/{task.uuid}?tab=notes"


@pytest.mark.parametrize("word", ["0000000", "00000000", "00000000-0000-4000-8000-000000000000"])
def test_what_is_not_there_says_so(client: Browser, session: Session, word: str) -> None:
    answer = client.login("viewer").get(f"/tasks/{word}")
    assert answer.status_code == 404 and f"There is no task {word}" in answer.text


def test_another_organisation_and_a_deleted_one_are_not_there(client: Browser, session: Session, cast: Cast) -> None:
    foreign, gone = made.task(cast.globex), made.ended(cast.acme)
    lifecycle.delete(gone, SYSTEM, clock.now())
    client.login("operator")
    for task in (foreign, gone):
        for below in ("", "/log", "/log.txt", "/log/find?text=x", "/files.zip"):
            assert client.get(f"/tasks/{task.uuid}{below}").status_code == 404, below


@pytest.mark.parametrize(
    ("who", "there"),
    [("viewer", set()), ("operator", {"retry", "reschedule"}), ("admin", {"retry", "reschedule", "delete"})],
)
def test_actions_follow_rights(client: Browser, session: Session, cast: Cast, who: str, there: set[str]) -> None:
    page = seen(client, failed(cast), who)
    found = {verb for verb in ("retry", "reschedule", "delete", "cancel", "run-now") if f'/{verb}"' in page}
    assert found == there


def test_actions_follow_the_state(client: Browser, session: Session, cast: Cast) -> None:
    waiting = seen(client, made.task(cast.acme))
    assert "/run-now" in waiting and "Cancel" in waiting and "/reschedule" not in waiting
    made.claimed()
    running = seen(client, made.started(cast.acme).task)
    assert "Terminate" in running and "/run-now" not in running


def test_a_failure_tells_what_why_and_what_to_try(client: Browser, session: Session, cast: Cast) -> None:
    page = seen(client, failed(cast, reason="plugin_error", error="no <such> key", traceback="Traceback: line 1"))
    banner = page[page.index('id="failure"') :]
    assert "Plugin crashed" in banner and "exit code 1" in banner and "no &lt;such&gt; key" in banner
    assert "What to try</a>:" in banner and "Traceback: line 1" in banner


def test_a_task_whose_history_is_gone_is_still_shown(client: Browser, session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    session.execute(sa.delete(Event).where(Event.subject == "task", Event.subject_id == task.id))
    assert f"/tasks/{task.uuid}" in seen(client, task)


def test_the_timeline_has_every_move_with_who(client: Browser, session: Session, cast: Cast) -> None:
    page = seen(client, made.ended(cast.acme))
    history = page[page.index('id="history"') :]
    assert [history.index(word) for word in ("Queued", "Assigned", "Running", "Completed")] == sorted(
        history.index(word) for word in ("Queued", "Assigned", "Running", "Completed")
    )
    assert "ann" in history and made.WORKER.name in history
    assert page.count("<rect") == 3


def test_a_waiting_one_says_why(client: Browser, session: Session, cast: Cast) -> None:
    assert "No worker is alive" in seen(client, made.task(cast.acme))
    later = (clock.now() + timedelta(hours=1)).isoformat()
    assert "It is not due yet" in seen(client, made.task(cast.acme, not_before=later))
    assert "Why is this waiting?" not in seen(client, made.ended(cast.acme))


def test_progress_with_its_expected_end(client: Browser, session: Session, cast: Cast) -> None:
    begun = clock.now() - timedelta(seconds=40)
    taken = made.started(cast.acme, begun)
    lifecycle.progress(taken.task, taken.lease, 50, "half", begun + timedelta(seconds=20))
    page = seen(client, taken.task)
    expected = (begun + timedelta(seconds=40)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "50 %" in page and "half" in page and f'datetime="{expected}"' in page


def test_runs_of_the_same_are_compared_with_what_is_usual(client: Browser, session: Session, cast: Cast) -> None:
    for seconds in (2, 3, 4, 30):
        begun = clock.now() - timedelta(minutes=5)
        taken = made.started(cast.acme, begun)
        lifecycle.finish(taken.task, taken.lease, made.WORKER, begun + timedelta(seconds=seconds), End(0))
    page = seen(client, taken.task)
    assert "▲ 10.0 × slower than usual" in page and 'aria-label="Last runs of the same"' in page and "previous" in page


def test_attempts_name_each_other(client: Browser, session: Session, cast: Cast) -> None:
    first = failed(cast)
    second = lifecycle.retry(first, made.ANN, clock.now())
    page = seen(client, second, tab="attempts")
    assert f"Retry 1/1 of {first.uuid[:8]}" in page and f'/tasks/{first.uuid}"' in page


def test_what_may_not_be_seen_has_no_tab(client: Browser, session: Session, cast: Cast) -> None:
    from tests import factories
    from webapp.access.permissions import Permission

    text, _ = factories.token(cast.id("oscar"), cast.acme, [Permission.TASKS_READ])
    task = made.ended(cast.acme)
    page = client.forget().get(f"/tasks/{task.uuid}?tab=files", headers={"Authorization": f"Bearer {text}"}).text
    assert 'id="tab-output"' in page and 'id="tab-files"' not in page and 'id="tab-objects"' not in page


def test_an_ended_one_is_not_asked_for_again(client: Browser, session: Session, cast: Cast) -> None:
    assert 'data-live="task"' not in seen(client, made.ended(cast.acme))
    assert 'data-live="task"' in seen(client, made.task(cast.acme))


def test_a_poll_gets_the_facts_but_not_the_output(client: Browser, session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme)
    client.login("operator")
    url = re.search(r'hx-get="(/tasks/[^"]*live=[^"]*)"', client.get(f"/tasks/{taken.task.uuid}").text)
    assert url
    address = url[1].replace("&amp;", "&")
    poll = client.htmx("GET", address)
    assert 'id="task"' in poll.text and "Running" in poll.text
    assert 'id="output-both" hx-morph-skip' in poll.text and 'class="log' not in poll.text
    assert client.htmx("GET", address, headers={"If-None-Match": poll.headers["ETag"]}).status_code == 304


def test_a_poll_hears_of_a_move(client: Browser, session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme)
    client.login("operator")
    poll = client.htmx("GET", f"/tasks/{taken.task.uuid}?tab=output&live=1")
    lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(0))
    again = client.htmx(
        "GET", f"/tasks/{taken.task.uuid}?tab=output&live=1", headers={"If-None-Match": poll.headers["ETag"]}
    )
    assert again.status_code == 200 and "Completed" in again.text and "data-live" not in again.text


def test_why_it_waits_is_asked_again_though_nothing_happens(
    client: Browser, session: Session, cast: Cast, pass_time: Callable[[timedelta], None]
) -> None:
    address = f"/tasks/{made.task(cast.acme).uuid}?tab=output&live=wait"
    tag = client.login("operator").htmx("GET", address).headers["ETag"]
    pass_time(timedelta(seconds=11))
    assert client.htmx("GET", address, headers={"If-None-Match": tag}).status_code == 200


def test_details_say_it_again_for_programs(client: Browser, session: Session, cast: Cast, app: Flask) -> None:
    task = made.tasks(cast.acme, ["it's <b>"])[0]
    page = seen(client, task, tab="details")
    assert "curl -X POST http://localhost/api/v1/tasks/" in page and "muster run --plugin demo" in page
    assert "it&#39;s &lt;b&gt;" in page


def test_its_times_are_told_in_the_zone_that_the_reader_chose(client: Browser, session: Session, cast: Cast) -> None:
    host = made.agent(cast.acme, "web-1", facts={"timezone": "Asia/Kolkata"})
    task = made.command(cast.acme, {"agents": [host.hostname]}, now=datetime(2026, 3, 1, 12, tzinfo=UTC))[0]
    here, zones = f"/tasks/{task.uuid}", {"utc": "2026-03-01 12:00:00 UTC</time>", "agent": "2026-03-01 17:30:00 IST"}
    client.login("viewer")
    assert "data-abs" in facts(client, here)
    for zone, told in zones.items():
        answer = client.htmx("POST", "/me/prefs", data={"task_zone": zone}, headers={"HX-Current-URL": here})
        assert answer.headers["HX-Redirect"] == here
        assert told in facts(client, here) and "data-abs" not in facts(client, here)
    of_worker = facts(client, f"/tasks/{made.task(cast.acme).uuid}")
    assert "data-abs" in of_worker and "Asia/Kolkata" not in of_worker
    assert client.post("/me/prefs", data={"task_zone": "moon"}).status_code == 422


def facts(client: Browser, page: str) -> str:
    text = client.get(page).text
    return text[text.index('id="facts"') : text.index("</aside>")]
