"""Output byte for byte, files whole or not at all, programs to those who may have them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.agent_api.caller import Caller, Held
from tests.agent_api.conftest import Enrolled
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.events import SYSTEM
from webapp.files import queries as files
from webapp.files import store
from webapp.files.models import File
from webapp.library import lifecycle as library
from webapp.library.models import Build
from webapp.library.signing import Signing
from webapp.tasks.log import output
from webapp.tasks.models import Task
from workers.agent import protocol as p
from workers.journals import Journals


@pytest.fixture
def task(caller: Caller, session: Session, cast: Cast) -> Task:
    return made.command(cast.acme, {"agents": "anyone"}, max_output=100_000)[0]


@pytest.fixture
def held(caller: Caller, task: Task) -> Held:
    return caller.started()


@pytest.fixture
def data(app: Flask) -> Path:
    return app.extensions["settings"].data


def stored(data: Path, task: Task, stream: str = "stdout") -> bytes:
    return output.read(output.folder(data, task.uuid), stream)


def code(answer) -> tuple[int, str]:  # type: ignore[no-untyped-def]
    return answer.status_code, answer.json["code"]


def announced(held: Held, size: int, path: str = "artifacts/1"):  # type: ignore[no-untyped-def]
    """A body of three bytes under a length that lies."""
    told = {p.SHA256_HEADER: "0" * 64, "Content-Range": f"bytes 0-{size - 1}/*", **held.headers}
    query = {"name": "a", "stream": "stdout"}
    method, environ = "PUT" if "artifacts" in path else "PATCH", {"CONTENT_LENGTH": str(size)}
    return held.call(method, path, query_string=query, data=b"abc", headers=told, environ_overrides=environ)


def test_output_arrives_byte_for_byte(held: Held, task: Task, data: Path, session: Session) -> None:
    pieces = [os.urandom(1000) for _ in range(5)]
    for piece in pieces:
        assert held.log(piece).headers[p.LOG_SIZE_HEADER] == str(len(held.sent["stdout"]))
    assert stored(data, task) == b"".join(pieces)
    session.refresh(task)
    assert task.stdout_size == 5000


def test_a_repeated_piece_is_there_once(held: Held, task: Task, data: Path) -> None:
    held.log(b"hello ")
    assert held.log(b"hello ", offset=0).status_code == 202
    assert held.log(b"lo world", offset=3).headers[p.LOG_SIZE_HEADER] == "11"
    assert stored(data, task) == b"hello world"


def test_a_gap_is_told_with_the_size(held: Held) -> None:
    held.log(b"abc")
    answer = held.log(b"x", offset=10)
    assert code(answer) == (416, "bad_range") and answer.headers[p.LOG_SIZE_HEADER] == "3"


def test_other_bytes_in_the_same_place_are_refused(held: Held, task: Task, data: Path) -> None:
    held.log(b"abc")
    answer = held.log(b"xyz", offset=0)
    assert code(answer) == (409, "different") and answer.headers[p.LOG_SIZE_HEADER] == "3"
    assert stored(data, task) == b"abc"


def test_what_a_crash_left_unconfirmed_gives_way(held: Held, task: Task, data: Path) -> None:
    held.log(b"abc")
    with open(output.folder(data, task.uuid) / "stdout", "ab") as file:
        file.write(b"\0\0\0\0")
    assert held.log(b"def").headers[p.LOG_SIZE_HEADER] == "6"
    assert stored(data, task) == b"abcdef"


def test_a_piece_that_was_damaged_on_its_way_is_asked_for_again(held: Held, task: Task, data: Path) -> None:
    answer = held.log(b"abc", **{p.CHUNK_CRC_HEADER: "00000000"})
    assert code(answer) == (416, "bad_range") and answer.headers[p.LOG_SIZE_HEADER] == "0"
    assert stored(data, task) == b""


def test_the_size_can_be_asked_for(held: Held) -> None:
    held.log(b"abc")
    answer = held.size()
    assert (answer.status_code, answer.headers[p.LOG_SIZE_HEADER]) == (202, "3")


def test_the_index_comes_as_it_is(held: Held, task: Task, data: Path) -> None:
    record = (17).to_bytes(4, "little") + b"\x01" + (0).to_bytes(8, "little") + (3).to_bytes(4, "little")
    held.log(b"abc")
    assert held.log(record, stream="index").status_code == 202
    assert (output.folder(data, task.uuid) / "index").read_bytes() == record


@pytest.mark.parametrize(
    "place", ["", "bytes 0-2", "bytes 2-0/*", "bytes -1-1/*", "lines 0-2/*", "bytes 0-5/*", "bytes 0-1/3"]
)
def test_a_range_that_does_not_fit_is_refused(held: Held, place: str) -> None:
    assert held.log(b"abc", offset=0, **{"Content-Range": place}).status_code in (413, 422)
    assert held.size().headers[p.LOG_SIZE_HEADER] == "0"


def test_a_piece_has_a_largest_size(held: Held) -> None:
    assert code(held.log(b"x" * (p.MAX_CHUNK + 1))) == (413, "too_large")


def test_nobody_writes_more_than_the_task_may(held: Held) -> None:
    limit = 100_000 + 2**20
    while (answer := held.log(b"x" * p.MAX_CHUNK)).status_code == 202:
        pass
    assert code(answer) == (413, "too_large") and len(held.sent["stdout"]) <= limit


@pytest.mark.parametrize("stream", ["", "stdin", "../../etc/passwd", "events"])
def test_there_are_three_streams(held: Held, stream: str) -> None:
    told = {"Content-Range": "bytes 0-0/*", **held.headers}
    assert held.call("PATCH", "log", query_string={"stream": stream}, data=b"x", headers=told).status_code == 422


@pytest.mark.parametrize("verb", ["log", "leave"])
def test_a_lease_that_is_void_leaves_nothing(held: Held, task: Task, data: Path, session: Session, verb: str) -> None:
    held.result()
    answer = held.log(b"more") if verb == "log" else held.leave("a.txt", b"abc")
    assert code(answer) == (409, "stale")
    assert stored(data, task) == b"" and files.of_task(task.id) == []


@pytest.mark.parametrize("wrong", [{p.LEASE_SEQ_HEADER: "x"}, {p.LEASE_SEQ_HEADER: "²"}, {p.LEASE_TOKEN_HEADER: ""}])
def test_without_a_lease_nothing_is_taken(held: Held, wrong: dict[str, str]) -> None:
    assert held.log(b"x", **wrong).status_code == 422


def test_a_file_arrives_whole(held: Held, task: Task, data: Path, session: Session) -> None:
    content = os.urandom(200_000)
    assert held.leave("report.xml", content, type="nmap").status_code == 201
    (file,) = files.of_task(task.id)
    assert (file.name, file.type, file.size, file.sha256) == (
        "report.xml", "nmap", 200_000, hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    assert store.path_of(data, file.organization_id, file.uuid).read_bytes() == content
    session.refresh(task)
    assert task.file_count == 1


def test_a_repeated_file_is_there_once(held: Held, task: Task, session: Session) -> None:
    assert [held.leave("a.txt", b"abc").status_code for _ in range(3)] == [201, 201, 201]
    session.refresh(task)
    assert task.file_count == 1 and len(files.of_task(task.id)) == 1


def test_two_files_whose_names_look_alike_are_both_kept(held: Held, task: Task, session: Session) -> None:
    for _ in range(2):
        assert held.leave("a/b.txt", b"one", 1).status_code == 201
        assert held.leave("a_b.txt", b"two", 2).status_code == 201
    assert {file.name: file.size for file in files.of_task(task.id)} == {"a_b.txt": 3, "a_b (2).txt": 3}


def test_a_file_that_is_not_what_was_announced_is_not_kept(
    held: Held, task: Task, data: Path, session: Session
) -> None:
    before = sorted((data / "artifacts").rglob("*"))
    assert code(held.leave("a.txt", b"abc", **{p.SHA256_HEADER: "0" * 64})) == (422, "bad_message")
    assert held.leave("a.txt", b"abc", **{p.SHA256_HEADER: "nonsense"}).status_code == 422
    assert session.query(File).count() == 0
    assert [path for path in sorted((data / "artifacts").rglob("*")) if path.is_file()] == [
        p for p in before if p.is_file()
    ]


def test_a_file_may_not_be_too_large(held: Held) -> None:
    assert code(announced(held, p.MAX_ARTIFACT + 1)) == (413, "too_large")


@pytest.mark.parametrize("path", ["artifacts/1", "log"])
def test_a_body_that_ends_too_early_leaves_nothing(held: Held, task: Task, data: Path, path: str) -> None:
    assert code(announced(held, 1000, path)) == (400, "bad_message")
    assert files.of_task(task.id) == [] and stored(data, task) == b""
    assert not [part for part in (data / "artifacts").rglob("*") if part.is_file()]


def test_a_task_leaves_so_many_files_and_no_more(held: Held) -> None:
    assert code(held.leave("a.txt", b"abc", number=p.MAX_ARTIFACTS + 2)) == (413, "too_large")


@pytest.mark.parametrize("name", ["../../etc/passwd", "\0", "a\r\nb", "", "‮txt.exe", "C:\\x"])
def test_a_files_name_is_only_text(held: Held, task: Task, data: Path, name: str) -> None:
    assert held.leave(name, b"abc").status_code == 201
    (file,) = files.of_task(task.id)
    assert "/" not in file.name and "\\" not in file.name and file.name.isprintable()
    assert store.path_of(data, file.organization_id, file.uuid).is_relative_to(data / "artifacts")


def test_the_objects_of_a_plugin_are_taken_in_after_its_end(
    held: Held, task: Task, data: Path, session: Session
) -> None:
    from webapp.objects.models import Object

    line = (
        b'{"kind": "object", "type": "hostname", "fields": {"network": "internet", "name": "example.com"}}\nnonsense\n'
    )
    assert held.leave(p.JOURNAL, line, type=p.JOURNAL_TYPE).status_code == 201
    assert Journals(data).take_in(clock.now()) == 0
    held.result()
    assert Journals(data).take_in(clock.now()) == 1
    session.expire_all()
    assert session.query(Object).one().key == "internet|example.com"
    assert task.object_count == 1 and files.of_task(task.id) == []
    assert Journals(data).take_in(clock.now()) == 0


def test_a_build_goes_to_agents_of_its_organisation(
    app: Flask, enrolled: Enrolled, caller: Caller, session: Session, cast: Cast
) -> None:
    library.add_examples(app.extensions["settings"], cast.acme, SYSTEM, clock.now())
    build = session.query(Build).first()
    answer = caller.call("GET", p.download_path(build.uuid))
    assert hashlib.sha256(answer.data).hexdigest() == build.sha256
    part = caller.call("GET", p.download_path(build.uuid), headers={"Range": "bytes=100-"})
    assert (part.status_code, part.data) == (206, answer.data[100:])
    assert enrolled("globex").call("GET", p.download_path(build.uuid)).status_code == 404


def test_a_revoked_build_goes_nowhere(app: Flask, caller: Caller, session: Session, cast: Cast) -> None:
    settings = app.extensions["settings"]
    library.add_examples(settings, cast.acme, SYSTEM, clock.now())
    build = session.query(Build).first()
    library.revoke(build, Signing(settings.signing_key_file), "Wrong", SYSTEM, clock.now())
    assert code(caller.call("GET", p.download_path(build.uuid))) == (404, "not_found")


@pytest.mark.parametrize("name", ["x", "..%2F..%2Fkeys%2Fsigning.key", "0" * 64])
def test_what_is_no_download_is_not_there(caller: Caller, name: str) -> None:
    assert caller.call("GET", f"/agent/v1/downloads/{name}").status_code == 404
