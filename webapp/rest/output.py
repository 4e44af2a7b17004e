"""What a task printed: as a file, a part of one, or live."""

from __future__ import annotations

from pathlib import Path

from flask import Response, current_app, request

from webapp.access.permissions import Permission as P
from webapp.errors import Problem
from webapp.rest import follow, patience
from webapp.rest.reading import asked
from webapp.rest.section import Section
from webapp.rest.tasks import found
from webapp.rest.values import Flag, Moment, Text, Value, Whole
from webapp.tasks.log import output
from webapp.tasks.log.output_view import open_view
from webapp.tasks.models import Task

section = Section("output", "Output of a task")

QUERY: dict[str, Value] = {
    "stream": Text(
        choices=("stdout", "stderr", "both"), default="both", about="`both`: in the order in which it came."
    ),
    "follow": Flag(default=False, about="1: as server-sent events, until the task has ended."),
    "offset": Whole(about="With `follow`: begin there. A repeated request begins after its `Last-Event-ID`."),
    "since": Moment(about="With `follow`: begin with what came then or later."),
    "stay": Flag(default=True, about="With `follow`, 0: end with what is there now."),
    "timestamps": Flag(default=False, about="With `follow`, 1: each part says when it came, as `at`."),
}


@section.get("/tasks/<task_id>/output", needs=(P.TASKS_READ,), query=QUERY, media="text/plain")
def show(task_id: str) -> Response:
    """Fetch what a task printed.

    `Range: bytes=…` is honoured, also while it runs: ask again from where the last part ended. The header
    `X-Task-Status` says whether more may come. With `follow=1` it is text/event-stream: `output` events whose data is
    `{"stream", "text"}`, and `at` if asked, and whose id is the offset behind it, and one `end` event with `{"status", "exit_code"}`. The
    server follows for some readers at a time; beyond, it answers 503 and the parts can be asked for instead.
    """
    task, stream = found(task_id), asked()["stream"]
    folder = output.folder(current_app.extensions["settings"].data, task.uuid)
    return _followed(task, folder, stream) if asked()["follow"] else _part(task, folder, stream)


def _part(task: Task, folder: Path, stream: str) -> Response:
    with open_view(folder, stream) as view:
        size = view.size
    begin, end = _span(size)
    response = Response(output.chunks(folder, stream, begin, end), content_type="text/plain; charset=utf-8")
    if (begin, end) != (0, size) or _asks_for_part():
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    response.headers |= {"Accept-Ranges": "bytes", "Content-Length": str(end - begin), "X-Task-Status": task.status}
    return response


def _span(size: int) -> tuple[int, int]:
    if not _asks_for_part():
        return 0, size
    span = request.range.range_for_length(size)  # type: ignore[union-attr]
    if span is None:
        text = f"The output has {size:,} bytes so far"
        raise Problem(416, text, title="There is no such part", headers={"Content-Range": f"bytes */{size}"})
    return span


def _asks_for_part() -> bool:
    """One part: a list of them is answered with the whole, as the standard allows."""
    asked_for = request.range
    return asked_for is not None and asked_for.units == "bytes" and len(asked_for.ranges) == 1


def _followed(task: Task, folder: Path, stream: str) -> Response:
    leave = patience.sit()
    if leave is None:
        text = "Too many follow output now. Ask for its parts instead, or try again in 5 s"
        raise Problem(503, text, title="No seat is free", headers={"Retry-After": "5"})
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    reader = follow.Reader(stream, _begin(task, folder, stream), asked()["timestamps"], asked()["stay"])
    response = Response(follow.events(app, task.id, folder, reader), content_type="text/event-stream; charset=utf-8")
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(leave)
    return response


def _begin(task: Task, folder: Path, stream: str) -> int:
    last = request.headers.get("Last-Event-ID", "")
    if last.isascii() and last.isdecimal() and len(last) < 19:
        return int(last)
    place: int = asked().get("offset", 0)
    if task.started_at and (since := asked().get("since")):
        with open_view(folder, stream) as view:
            place = max(place, view.place_since(int((since - task.started_at).total_seconds() * 1000)))
    return place
