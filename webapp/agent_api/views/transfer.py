"""Bytes between hosts and the server: output as it grows, files at the end, and programs on their way out."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import NamedTuple, NoReturn

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, g, jsonify, request, send_file

from webapp import clock
from webapp.agent_api import bodies, refusals
from webapp.agent_api.auth import actor, for_agents, own_task, writing
from webapp.agent_api.refusals import refuse
from webapp.db import db
from webapp.files import lifecycle as files
from webapp.files import store
from webapp.files.models import File
from webapp.library import builds, packages
from webapp.tasks import reports
from webapp.tasks.lifecycle import Lease
from webapp.tasks.log import journals, output
from webapp.tasks.models import Task
from webapp.tasks.spec import Options
from workers.agent import protocol
from workers.agent.protocol import CANCEL_HEADER, JOURNAL, LOG_SIZE_HEADER, SHA256_HEADER, STREAMS, Code

bp = Blueprint("agent_transfer", __name__, url_prefix=protocol.BASE)
refusals.init(bp)


class Announced(NamedTuple):
    """What a file is to be."""

    name: str
    type: str
    size: int
    sha256: str


SLACK = 2**20  # beyond the limit of a task's output: for the marks that say what was dropped
INDEX_SHARE = 17  # bytes of the index for each byte of output, at the very worst
_SHA256 = re.compile("[0-9a-f]{64}")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@bp.patch("/tasks/<task_id>/log")
@for_agents
def log(task_id: str) -> Response:
    stream = request.args.get("stream", "")
    if stream not in STREAMS:
        refuse(422, Code.BAD_MESSAGE, f"stream must be one of {', '.join(STREAMS)}")
    task, lease = _writable(task_id)
    chunk, folder = bodies.chunk(), _folder(task)
    have = output.sizes(folder)[stream]
    if chunk is None:
        return _taken(have)
    if not chunk.intact:
        refuse(416, Code.BAD_RANGE, "The checksum is wrong: send this again", _size(have))
    _require_room(task, stream, chunk.offset + len(chunk.data))
    size = _append(task, folder, stream, chunk)
    if stream != "index" and size > have:
        _note(task, lease, stream, size)
    return _taken(size)


@bp.put("/tasks/<task_id>/artifacts/<int:number>")
@for_agents
def artifact(task_id: str, number: int) -> tuple[Response, int]:
    """Stored whole and as announced, or not at all; repeated, it is there once."""
    task, lease = _writable(task_id)
    announced = _announced(number)
    if (announced.name, announced.type) == (JOURNAL, protocol.JOURNAL_TYPE):
        _take_journal(task, announced)
    else:
        _take_file(task, lease, number, announced)
    return jsonify({}), 201


@bp.get("/downloads/<download_id>")
@for_agents
def download(download_id: str) -> Response:
    """A build of the library by its id, or a package by its SHA-256. `Range` is honoured."""
    path = _package(download_id) if _SHA256.fullmatch(download_id) else _build(download_id)
    if path is None or not path.is_file():
        refuse(404, Code.NOT_FOUND, "There is no such download")
    return send_file(path, "application/octet-stream", conditional=True, etag=False)


@bp.after_request
def tell_of_cancel(response: Response) -> Response:
    task: Task | None = g.get("task")
    if task is not None and task.cancel_requested_at is not None:
        response.headers[CANCEL_HEADER] = "1"
    return response


@bp.errorhandler(OSError)
def no_room(error: OSError) -> Response:
    """A full disk passes: the agent keeps what it has and tries again."""
    if error.errno not in _FULL:
        raise error
    text = "The server has no room for this now"
    return refusals.answer(refusals.Problem(507, text, headers={"Retry-After": "30"}, code=Code.SLOW_DOWN))


def _package(sha256: str) -> Path | None:
    return packages.path_of(_data(), sha256) if packages.by_sha256(sha256) else None


def _build(uuid: str) -> Path | None:
    build = builds.by_uuid(uuid)
    if build is None or build.revoked_at is not None:
        return None
    return store.path_of(_data(), build.organization_id, build.stored_as)


def _writable(task_id: str) -> tuple[Task, Lease]:
    task, lease = own_task(task_id), bodies.lease()
    if not reports.may_write(task, lease):
        refuse(409, Code.STALE, f"This task is {task.looks.label}")
    return task, lease


def _append(task: Task, folder: Path, stream: str, chunk: bodies.Chunk) -> int:
    try:
        return output.append(folder, stream, chunk.offset, chunk.data)
    except output.Gap as gap:
        refuse(416, Code.BAD_RANGE, str(gap), _size(gap.size))
    except output.Conflict as conflict:
        recorded = {"stdout": task.stdout_size, "stderr": task.stderr_size}.get(stream, conflict.size)
        if conflict.size <= recorded:
            refuse(409, Code.DIFFERENT, str(conflict), _size(conflict.size))
    # What a crash left behind was never confirmed to the agent, so its own bytes count.
    try:
        return output.append(folder, stream, chunk.offset, chunk.data, recorded=recorded)
    except (output.Gap, output.Conflict) as still:
        refuse(416, Code.BAD_RANGE, str(still), _size(still.size))


def _note(task: Task, lease: Lease, stream: str, size: int) -> None:
    db.session.expunge(task)  # or it would be read again, which takes as long as all the rest of this
    writing()
    reports.grown(task, lease, stream, size)
    db.session.commit()


def _require_room(task: Task, stream: str, end: int) -> None:
    limit = int(task.options.get("max_output", Options().max_output)) + SLACK
    if end > (limit * INDEX_SHARE if stream == "index" else limit):
        refuse(413, Code.TOO_LARGE, "The output passes the limit of its task")


def _announced(number: int) -> Announced:
    if not 1 <= number <= protocol.MAX_ARTIFACTS + 1:
        refuse(413, Code.TOO_LARGE, f"A task leaves at most {protocol.MAX_ARTIFACTS} files")
    size, sha256 = request.content_length, request.headers.get(SHA256_HEADER, "")
    if size is None or not _SHA256.fullmatch(sha256):
        refuse(422, Code.BAD_MESSAGE, f"Content-Length and {SHA256_HEADER} are needed")
    if size > protocol.MAX_ARTIFACT:
        refuse(413, Code.TOO_LARGE, f"A file has at most {protocol.MAX_ARTIFACT} bytes")
    # One more than it is: where bodies end by themselves (granian), a read at the limit counts as one beyond it.
    request.max_content_length = size + 1
    return Announced(request.args.get("name", "")[:1000], request.args.get("type", ""), size, sha256)


def _take_journal(task: Task, announced: Announced) -> None:
    uuid = task.uuid
    db.session.rollback()
    try:
        came = journals.receive(_data(), uuid, request.stream, protocol.MAX_ARTIFACT)  # type: ignore[arg-type]
        if came != (announced.size, announced.sha256):
            _refuse_bytes()
    except BaseException:
        journals.drop(_data(), uuid)
        raise
    journals.keep(_data(), uuid)


def _take_file(task: Task, lease: Lease, number: int, announced: Announced) -> None:
    """The same bytes under the same name are a repetition; others under that name get a number."""
    name = files.clean_name(announced.name)
    for known in (name, _numbered(name, number)):
        if known not in (there := _files(task)):
            break
        if there[known].sha256 == announced.sha256:
            return
    else:
        refuse(409, Code.DIFFERENT, "Another file was stored under this number")
    _require_space(there, announced.size)
    uuid, plugin_id = task.uuid, task.plugin_id
    writing()  # and no transaction is open while the bytes arrive
    file = files.add(
        _data(), request.stream, organization_id=g.agent.organization_id, name=known, type=announced.type,  # type: ignore[arg-type]
        by=actor(), now=clock.now(), task_id=task.id, plugin_id=plugin_id, limit=protocol.MAX_ARTIFACT,
    )  # fmt: skip
    try:
        if (file.size, file.sha256) != (announced.size, announced.sha256):
            _refuse_bytes()
        if not reports.count_file(own_task(uuid), lease):
            refuse(409, Code.STALE, "The lease ended meanwhile")
        db.session.commit()
    except BaseException:
        db.session.rollback()
        store.remove(_data(), g.agent.organization_id, file.uuid)
        raise


def _require_space(there: dict[str, File], size: int) -> None:
    if len(there) >= protocol.MAX_ARTIFACTS:
        refuse(413, Code.TOO_LARGE, f"A task leaves at most {protocol.MAX_ARTIFACTS} files")
    if sum(file.size for file in there.values()) + size > protocol.MAX_ARTIFACTS_TOTAL:
        refuse(413, Code.TOO_LARGE, f"The files of a task have at most {protocol.MAX_ARTIFACTS_TOTAL} bytes")


def _files(task: Task) -> dict[str, File]:
    found = db.session.scalars(sa.select(File).where(File.task_id == task.id))
    return {file.name: file for file in found}


def _numbered(name: str, number: int) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem} ({number}).{ending}" if dot and stem else f"{name} ({number})"


def _refuse_bytes() -> NoReturn:
    refuse(422, Code.BAD_MESSAGE, "The bytes are not those that were announced. Nothing was stored")


def _taken(size: int) -> Response:
    return Response(status=202, headers=_size(size))


def _size(size: int) -> dict[str, str]:
    return {LOG_SIZE_HEADER: str(size)}


def _folder(task: Task) -> Path:
    return output.folder(_data(), task.uuid)


def _data() -> Path:
    data: Path = current_app.extensions["settings"].data
    return data
