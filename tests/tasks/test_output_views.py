"""Output over HTTP: opened at its end, in pieces, by lines, searched, downloaded, and never more than text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.tasks import lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End
from webapp.tasks.log import output, output_lines
from webapp.tasks.models import Task

ROW = re.compile(r'<div class="l" id="(?P<id>[LB]\d+)".*?<span>(?P<html>.*?)</span></div>', re.S)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine lines would stay uncounted: readers are not kept waiting for that."""
    monkeypatch.setattr(output_lines, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture
def running(session: Session, cast: Cast) -> Claimed:
    return made.started(cast.acme)


@pytest.fixture
def task(running: Claimed) -> Task:
    return running.task


@pytest.fixture
def folder(settings: Settings, task: Task) -> Path:
    return output.folder(settings.data, task.uuid)


@pytest.fixture
def oscar(client: Browser) -> Browser:
    return client.login("oscar")


def say(folder: Path, text: str | bytes, stream: str = "stdout", at_ms: int = 0) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    output.append(folder, stream, output.sizes(folder)[stream], data, at_ms=at_ms)


def shown(answer: TestResponse) -> list[tuple[str, str]]:
    return [(match["id"], match["html"]) for match in ROW.finditer(answer.text)]


def cursor(answer: TestResponse) -> str:
    found = re.search(r'data-from="([\d.]+)"', answer.text)
    assert found
    return found[1]


def told(answer: TestResponse) -> dict[str, object]:
    return json.loads(answer.headers["HX-Trigger"])["log:next"]


def poll(client: Browser, task: Task, at: str) -> TestResponse:
    return client.htmx("GET", f"/tasks/{task.uuid}/log?from={at}")


def lines(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last + 1))


def test_it_opens_at_its_end(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, lines(1, 2000))
    for url in (f"/tasks/{task.uuid}", f"/tasks/{task.uuid}/log"):
        page = shown(oscar.get(url))
        assert page[-1] == ("L2000", "line 2000") and len(page) == 500


def test_earlier_lines_come_before_the_first_one(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, lines(1, 2000))
    page = oscar.get(f"/tasks/{task.uuid}")
    start = re.search(r'data-start="(\d+)"', page.text)
    assert start
    piece = oscar.htmx("GET", f"/tasks/{task.uuid}/log?before={start[1]}")
    assert [shown(piece)[0][0], shown(piece)[-1][0]] == ["L1001", "L1500"]
    assert "HX-Trigger" not in piece.headers


def test_a_line_of_the_address_is_shown_with_its_surroundings(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, lines(1, 2000))
    page = dict(shown(oscar.get(f"/tasks/{task.uuid}?line=700")))
    assert page["L700"] == "line 700" and "L600" in page and "L2000" not in page
    assert "There is no line 9999" in oscar.get(f"/tasks/{task.uuid}/log?line=9999").text


def test_more_can_be_loaded_down_to_the_end(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, lines(1, 800))
    at, ends = "0", []
    while not ends or not ends[-1]:
        piece = oscar.htmx("GET", f"/tasks/{task.uuid}/log?after={at.split('.')[0]}")
        at, ends = str(told(piece)["from"]), [*ends, told(piece)["end"]]
    assert ends == [False, True] and shown(piece)[-1][0] == "L800"


def test_what_is_new_comes_once(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "one\n")
    at = cursor(oscar.get(f"/tasks/{task.uuid}"))
    assert poll(oscar, task, at).status_code == 204
    say(folder, "two\nthree\n")
    piece = poll(oscar, task, at)
    assert shown(piece) == [("L2", "two"), ("L3", "three")] and told(piece)["done"] is False
    assert poll(oscar, task, str(told(piece)["from"])).status_code == 204


def test_an_unfinished_line_is_sent_again_only_when_it_grows(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "one\nPassw")
    page = oscar.get(f"/tasks/{task.uuid}")
    assert shown(page)[-1] == ("L2", "Passw") and "data-unended" in page.text
    assert poll(oscar, task, cursor(page)).status_code == 204
    say(folder, "ord: ")
    assert shown(poll(oscar, task, cursor(page))) == [("L2", "Password: ")]


def test_the_end_is_told(oscar: Browser, running: Claimed, folder: Path, session: Session) -> None:
    say(folder, "one\n")
    at = cursor(oscar.get(f"/tasks/{running.task.uuid}"))
    lifecycle.finish(running.task, running.lease, made.WORKER, clock.now(), End(1, stdout_size=4))
    answer = poll(oscar, running.task, at)
    assert answer.status_code == 204 and told(answer) == {"done": True, "text": "Finished: Failed"}
    page = oscar.get(f"/tasks/{running.task.uuid}")
    assert "data-live" not in page.text.partition("<main")[2]


def test_who_falls_behind_gets_the_newest_and_a_way_to_the_rest(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "one\n")
    at = cursor(oscar.get(f"/tasks/{task.uuid}"))
    say(folder, lines(2, 20_000))
    piece = poll(oscar, task, at)
    assert len(shown(piece)) == 500 and shown(piece)[-1][0] == "L20000"
    assert f"/tasks/{task.uuid}/log?stream=both&amp;at=4" in piece.text


def test_colours_and_groups_go_on_from_one_piece_to_the_next(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "::group::Build\n\x1b[31mred\n", at_ms=0)
    at = cursor(oscar.get(f"/tasks/{task.uuid}"))
    say(folder, "still red\n::endgroup::\nplain \x1b[0mnow\n", at_ms=2000)
    piece = poll(oscar, task, at)
    assert shown(piece)[0] == ("L3", '<span class="a-31">still red</span>')
    assert 'data-into="1"' in piece.text and "data-closes" in piece.text


def test_groups_fold_and_tell_how_long_they_took(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "::group::Fetch <it>\na\n", at_ms=0)
    say(folder, "::endgroup::\n+++ Deploy\nb\n", at_ms=3200)
    page = oscar.get(f"/tasks/{task.uuid}").text
    assert '<summary id="L1"><span class="n">1</span>Fetch &lt;it&gt; <span class="muted">3.2 s' in page
    assert '<details class="group" open data-open><summary id="L4">' in page


def test_streams_alone_and_together(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "out\n", at_ms=1)
    say(folder, "err\n", "stderr", at_ms=1500)
    assert [html for _, html in shown(oscar.get(f"/tasks/{task.uuid}"))] == ["out", "err"]
    alone = oscar.get(f"/tasks/{task.uuid}?stream=stderr")
    assert shown(alone) == [("L1", "err")] and 'data-r="0:00:01.500"' in alone.text
    assert f"stream=stderr&amp;from={4}" not in alone.text and 'hx-get="/tasks/' in alone.text


def test_errors_are_counted_and_listed_from_all_of_it(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "ok\nERROR: first\n" + lines(1, 3000) + "fatal: last\n")
    assert 'Errors <span class="count">1</span>' in oscar.get(f"/tasks/{task.uuid}").text
    found = oscar.get(f"/tasks/{task.uuid}/log/find").text
    assert "line=2#L2" in found and "line=3003#L3003" in found and "<b>2</b> lines that tell of errors" in found


def test_find_looks_through_all_of_it(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, lines(1, 5000) + "the <needle>\n")
    found = oscar.htmx("GET", f"/tasks/{task.uuid}/log/find?text=NEEDLE")
    assert 'id="out-found"' in found.text and "line=5001#L5001" in found.text and "&lt;needle&gt;" in found.text
    assert "<html" in oscar.get(f"/tasks/{task.uuid}/log/find?text=needle").text
    assert "contains “nothing”" in oscar.get(f"/tasks/{task.uuid}/log/find?text=nothing").text


def test_a_long_search_goes_on_where_it_stopped(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "same\n" * 150)
    first = oscar.get(f"/tasks/{task.uuid}/log/find?text=same").text
    assert "<b>100 or more</b>" in first and "from=500" in first
    assert "<b>50</b> lines" in oscar.get(f"/tasks/{task.uuid}/log/find?text=same&from=500").text


def test_the_download_is_what_was_printed(oscar: Browser, task: Task, folder: Path) -> None:
    raw = bytes(range(256)) * 100
    say(folder, raw)
    answer = oscar.get(f"/tasks/{task.uuid}/log.txt?stream=stdout")
    assert answer.data == raw and answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("asked", "status", "body", "place"),
    [("bytes=2-4", 206, b"234", "bytes 2-4/10"), ("bytes=7-", 206, b"789", "bytes 7-9/10"), ("bytes=-2", 206, b"89", "bytes 8-9/10"),
     ("bytes=99-", 416, None, "bytes */10"), ("bytes=0-1,4-5", 200, b"0123456789", None), ("lines=1", 200, b"0123456789", None)],
)  # fmt: skip
def test_a_part_of_it(
    oscar: Browser, task: Task, folder: Path, asked: str, status: int, body: bytes | None, place: str | None
) -> None:
    say(folder, "0123456789")
    answer = oscar.get(f"/tasks/{task.uuid}/log.txt?stream=stdout", headers={"Range": asked})
    assert answer.status_code == status and answer.headers.get("Content-Range") == place
    assert body is None or answer.data == body


def test_a_part_of_something_older_is_all_of_it(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "0123456789")
    headers = {"Range": "bytes=2-4", "If-Range": '"5"'}
    assert oscar.get(f"/tasks/{task.uuid}/log.txt?stream=stdout", headers=headers).data == b"0123456789"


HOSTILE = [
    b"<script>alert(1)</script>", b"\x1b]8;;javascript:alert(1)\x07x\x1b]8;;\x07", b"\x1b]0;owned\x07", b"</div></section><h1>",
    "\u202eevil\u2066".encode(), b"\x00\x08\x07", b"\xff\xfe", b"' onmouseover='alert(1)' hx-get='/logout'", b"{{ 7*7 }}",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_output_is_text(oscar: Browser, task: Task, folder: Path, text: bytes) -> None:
    say(folder, text + b"\n")
    page = oscar.get(f"/tasks/{task.uuid}").text
    found = page[page.index('id="out-lines"') :].partition('class="resume"')[0]
    assert not re.search(r"<script|<h1|javascript:|\x1b|\u202e|\x00|<[^>]*onmouseover", found)
    assert "49" not in "".join(re.findall(r"<span>([^<]*)</span>", found))


@pytest.mark.parametrize(
    "bomb", [b"x" * 10_000_000, b"\x1b[1;4;31;42mx" * 200_000, b"<&>'\"" * 400_000, b"\n" * 2_000_000], ids=len
)
def test_a_page_stays_small_whatever_is_printed(oscar: Browser, task: Task, folder: Path, bomb: bytes) -> None:
    say(folder, bomb)
    assert len(oscar.get(f"/tasks/{task.uuid}").data) < 2_000_000


def test_a_hundred_megabytes_open_at_their_end_with_numbers(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, b"".join(b"%09d\n" % number for number in range(1, 1_000_001)) * 10)
    page = shown(oscar.get(f"/tasks/{task.uuid}"))
    assert page[-1] == ("L10000000", "001000000") and len(page) == 500


def test_an_output_that_is_not_there_yet(oscar: Browser, task: Task) -> None:
    page = oscar.get(f"/tasks/{task.uuid}").text
    assert "Nothing is printed so far" in page and 'data-live="log"' in page
    assert oscar.get(f"/tasks/{task.uuid}/log.txt").data == b""


def test_numbers_that_are_none_are_no_numbers(oscar: Browser, task: Task, folder: Path) -> None:
    say(folder, "one\n")
    for query in ("line=-1", "line=²", "at=x", "before=99999999999999999999", "stream=index", "line=0"):
        assert oscar.get(f"/tasks/{task.uuid}/log?{query}").status_code == 200, query
        assert oscar.htmx("GET", f"/tasks/{task.uuid}/log?from=x&{query}").status_code in (200, 204), query
