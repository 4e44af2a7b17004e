"""The output of one task: its full screen, what comes next in it, searching, downloading."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.http import parse_range_header

from webapp import htmx
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.errors import Problem
from webapp.language import _
from webapp.tasks.log import log_page, output
from webapp.tasks.log.log_page import STREAMS
from webapp.tasks.log.output_alarms import alarms
from webapp.tasks.log.output_lines import Found
from webapp.tasks.log.output_shown import Shown, place
from webapp.tasks.log.output_view import open_view
from webapp.tasks.models import Task

bp = Blueprint("task_output", __name__, url_prefix="/tasks")

LONGEST_TEXT = 200
INERT = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-store"}


@bp.get("/<task_id>/log")
@requires(Permission.TASKS_READ)
def log(task_id: str) -> Response:
    """The page, or a piece of it: before or after what is there, or what has come since."""
    task = _task(task_id)
    if htmx.wanted():
        return htmx.vary(_piece(task))
    page = log_page.opened(task, _data(), request.args)
    return htmx.vary(make_response(render_template("tasks/log.html", task=task, log=page, streams=STREAMS)))


@bp.get("/<task_id>/log/find")
@requires(Permission.TASKS_READ)
def find(task_id: str) -> Response:
    """The lines that hold a text, or those that tell of errors."""
    task, stream = _task(task_id), log_page.stream_of(request.args)
    text, begin = request.args.get("text", "")[:LONGEST_TEXT], place(request.args.get("from", "")) or 0
    found = _found(task, stream, text, begin)
    rows = log_page.viewer(task, _data(), stream).rows(found.lines)
    return htmx.page(
        "tasks/found.html",
        "tasks/_found.html",
        task=task,
        stream=stream,
        text=text,
        rows=rows,
        next=found.next,
        begin=begin,
    )


@bp.get("/<task_id>/log.txt")
@requires(Permission.TASKS_READ)
def text(task_id: str) -> Response:
    """The bytes as they were printed, so far; one range of them where one is asked for."""
    task, stream = _task(task_id), log_page.stream_of(request.args)
    folder = output.folder(_data(), task.uuid)
    with open_view(folder, stream) as view:
        size = view.size
    span = _range(size, f'"{size}"')
    response = Response(output.chunks(folder, stream, *(span or (0, size))), 206 if span else 200, INERT, "text/plain")
    start, stop = span or (0, size)
    response.content_length = stop - start
    response.accept_ranges = "bytes"
    response.set_etag(str(size))
    response.headers.set("Content-Disposition", "attachment", filename=f"{task.uuid[:8]}-{stream}.txt")
    if span:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


def _piece(task: Task) -> Response:
    args, view = request.args, log_page.viewer(task, _data(), log_page.stream_of(request.args))
    if (before := place(args.get("before", ""))) is not None:
        return _chunks(task, view.before(before))
    if (after := place(args.get("after", ""))) is not None:
        return _followed(task, view.onward(after))
    return _followed(task, view.since(args.get("from", "")))


def _followed(task: Task, shown: Shown | None) -> Response:
    """`log:next`: where to go on, whether anything stands after it, whether more may come."""
    news: dict[str, object] = {"done": task.final and (shown is None or shown.whole_end)}
    if news["done"]:
        news["text"] = _("Finished: %(status)s", status=_(task.looks.label))
    if shown is not None:
        news |= {"from": shown.cursor, "end": shown.whole_end}
    elif not news["done"]:
        return make_response("", 204)
    return htmx.tell(make_response("", 204) if shown is None else _chunks(task, shown), {"log:next": news})


def _chunks(task: Task, shown: Shown) -> Response:
    stream = log_page.stream_of(request.args)
    return make_response(render_template("tasks/chunks.html", shown=shown, task=task, stream=stream))


def _found(task: Task, stream: str, text: str, begin: int) -> Found:
    folder = output.folder(_data(), task.uuid)
    return output.find(folder, stream, text, begin) if text else alarms(folder, stream, begin)


def _range(size: int, tag: str) -> tuple[int, int] | None:
    """None: all of it. What was asked for by another tag is stale, since output only grows."""
    asked = parse_range_header(request.headers.get("Range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    if request.headers.get("If-Range", tag) != tag:
        return None
    span = asked.range_for_length(size)
    if span is None:
        raise Problem(416, _("There are not so many bytes"), headers={"Content-Range": f"bytes */{size}"})
    return span


def _task(task_id: str) -> Task:
    return get_or_404(Task, uuid=task_id, deleted_at=None)


def _data() -> Path:
    path: Path = current_app.extensions["settings"].data
    return path
