"""What a task printed, over the API: whole, in parts, and live."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api, Program
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.rest import follow
from webapp.tasks import lifecycle
from webapp.tasks.lifecycle import End
from webapp.tasks.log import output
from webapp.tasks.models import Task


@pytest.fixture
def printed(settings: Settings, session: Session, cast: Cast) -> Task:
    task = made.ended(cast.acme)
    say(settings, task, "stdout", b"0123456789\n", 1)
    say(settings, task, "stderr", b"oops\n", 2)
    say(settings, task, "stdout", "Grüße\n".encode(), 3)
    return task


def say(settings: Settings, task: Task, stream: str, data: bytes, at_ms: int = 0) -> None:
    folder = output.folder(settings.data, task.uuid)
    output.append(folder, stream, output.sizes(folder)[stream], data, at_ms)


def test_each_stream_and_both_in_order(api: Api, printed: Task) -> None:
    program = api("viewer")

    def text(query: str = "") -> str:
        return program.get(f"/tasks/{printed.uuid}/output{query}").text

    assert text("?stream=stdout") == "0123456789\nGrüße\n"
    assert text("?stream=stderr") == "oops\n"
    assert text("?stream=both") == text() == "0123456789\noops\nGrüße\n"


def test_it_is_plain_text_that_says_whether_more_comes(api: Api, printed: Task) -> None:
    answer = api().get(f"/tasks/{printed.uuid}/output")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert (answer.headers["X-Task-Status"], answer.headers["Accept-Ranges"]) == ("completed", "bytes")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


PARTS = [
    ("bytes=0-3", 206, b"0123", "bytes 0-3/19"),
    ("bytes=8-", 206, b"89\nGr\xc3\xbc\xc3\x9fe\n", "bytes 8-18/19"),
    ("bytes=-3", 206, b"\x9fe\n", "bytes 16-18/19"),
    ("bytes=5-999", 206, b"56789\nGr\xc3\xbc\xc3\x9fe\n", "bytes 5-18/19"),
    ("bytes=0-18", 206, None, "bytes 0-18/19"),
    ("bytes=19-", 416, None, "bytes */19"),
    ("bytes=0-1,4-5", 200, None, None),
    ("lines=0-1", 200, None, None),
    ("nonsense", 200, None, None),
]


def test_parts(api: Api, printed: Task) -> None:
    program = api()
    for asked, status, body, content_range in PARTS:
        answer = program.get(f"/tasks/{printed.uuid}/output?stream=stdout", headers={"Range": asked})
        assert (answer.status_code, answer.headers.get("Content-Range")) == (status, content_range), asked
        assert body is None or answer.data == body, asked


def test_nothing_printed_yet_is_empty(api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    answer = api().get(f"/tasks/{task.uuid}/output")
    assert (answer.status_code, answer.data, answer.headers["X-Task-Status"]) == (200, b"", "pending")
    assert api().get(f"/tasks/{task.uuid}/output", headers={"Range": "bytes=0-"}).status_code == 416


def test_another_tenants_output_is_not_there(api: Api, printed: Task) -> None:
    assert api("foreign").get(f"/tasks/{printed.uuid}/output").status_code == 404


class Stream:
    """Server-sent events, read one by one."""

    def __init__(self, url: str, program: Program, path: str, **headers: str) -> None:
        self.line = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        self.line.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {program.token}"} | headers)
        self.answer = self.line.getresponse()

    def next(self) -> tuple[str, str, Any]:
        fields: dict[str, str] = {}
        while "data" not in fields:
            fields = {}
            for line in iter(self.answer.readline, b"\n"):
                assert line, "the stream has ended"
                name, _, value = line.decode().rstrip("\n").partition(": ")
                fields[name] = value
        return fields["event"], fields.get("id", ""), json.loads(fields["data"])

    def close(self) -> None:
        self.answer.close()
        self.line.close()


def test_it_is_followed_until_the_task_has_ended(
    api: Api, url: str, app: Flask, settings: Settings, session: Session, cast: Cast
) -> None:
    taken, program = made.started(cast.acme), api("viewer")
    say(settings, taken.task, "stdout", b"one\n", 1)
    stream = Stream(url, program, f"/tasks/{taken.task.uuid}/output?follow=1")
    assert stream.answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"
    assert stream.next() == ("output", "4", {"stream": "stdout", "text": "one\n"})
    say(settings, taken.task, "stderr", b"two\n", 2)
    assert stream.next() == ("output", "8", {"stream": "stderr", "text": "two\n"})
    say(settings, taken.task, "stdout", b"three\n", 3)
    lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(3))
    session.commit()
    assert stream.next() == ("output", "14", {"stream": "stdout", "text": "three\n"})
    assert stream.next() == ("end", "", {"status": "failed", "exit_code": 3})
    assert stream.answer.read() == b""
    stream.close()


def test_a_cut_line_goes_on_where_it_was(api: Api, url: str, printed: Task) -> None:
    path = f"/tasks/{printed.uuid}/output?follow=1"
    for stream in (Stream(url, api(), path, **{"Last-Event-ID": "11"}), Stream(url, api(), f"{path}&offset=11")):
        assert stream.next()[2] == {"stream": "stderr", "text": "oops\n"}
        stream.close()


def test_a_letter_is_not_torn(settings: Settings, printed: Task) -> None:
    folder, reader = output.folder(settings.data, printed.uuid), follow.Reader("stdout", 0)
    say(settings, printed, "stdout", "ü".encode()[:1])
    events = [text for _, text in follow._grown(folder, reader, 11, follow.Seen())]
    assert [json.loads(text.split(b"data: ")[1])["text"] for text in events] == ["Grüße\n"]
    say(settings, printed, "stdout", "ü".encode()[1:])
    assert b"\xc3\xbc" in next(follow._grown(folder, reader, 19, follow.Seen()))[1]


def test_only_some_may_follow_at_once(api: Api, url: str, app: Flask, session: Session, cast: Cast) -> None:
    task, program = made.started(cast.acme).task, api()
    seats = max(1, app.extensions["settings"].web_threads // 2)
    path = f"/tasks/{task.uuid}/output?follow=1"
    session.commit()
    streams = [Stream(url, program, path) for _ in range(seats)]
    refused = Stream(url, program, path)
    assert (refused.answer.status, refused.answer.getheader("Retry-After")) == (503, "5")
    assert program.get(f"/tasks/{task.uuid}/output").status_code == 200  # its parts can be asked for
    for stream in (*streams, refused):
        stream.close()
