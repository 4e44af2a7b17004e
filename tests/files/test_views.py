"""Files on pages: listed, filtered, looked into, taken away inert, uploaded."""

from __future__ import annotations

import hashlib
import io

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.db import writing_to
from webapp.events import SYSTEM
from webapp.files import lifecycle, store
from webapp.files.models import File

EVIL = '../../<script>alert(1)</script>\u202e"\r\nX-Evil: 1.html'


@pytest.fixture
def add(session: Session, cast: Cast, settings: Settings):  # type: ignore[no-untyped-def]
    def add(name: str = "scan.txt", data: bytes = b"hello", type: str = "text", **facts: object) -> File:
        organization_id = int(facts.pop("organization_id", cast.acme))  # type: ignore[call-overload]
        with writing_to(organization_id):
            file = lifecycle.add(
                settings.data, io.BytesIO(data), organization_id=organization_id, name=name, type=type, by=SYSTEM,
                now=clock.now(), **facts,
            )  # type: ignore[arg-type]  # fmt: skip
            session.flush()
        return file

    return add


def upload(client: Browser, name: str = "scan.xml", data: bytes = b"<nmaprun/>", **form: str) -> TestResponse:
    return client.post("/files", data={"file": (io.BytesIO(data), name), **form})


def test_the_list_is_of_what_one_may_see(client: Browser, add, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    add("mine.txt"), add("theirs.txt", organization_id=cast.globex)
    page = client.login("viewer").get("/files").text
    assert "mine.txt" in page and "theirs.txt" not in page and 'id="upload"' not in page


@pytest.mark.parametrize(
    ("query", "found"), [("q=BETA", "b"), ("type=json", "b"), ("plugin=demo", "a"), ("type=none", "")]
)
def test_filters(client: Browser, add, query: str, found: str) -> None:  # type: ignore[no-untyped-def]
    add("alpha.txt", plugin_id="demo"), add("beta.json", b"{}", "json")
    page = client.login("viewer").htmx("GET", f"/files?{query}").text
    assert ("alpha.txt" in page, "beta.json" in page) == (found == "a", found == "b")


def test_those_of_one_task_link_to_it(client: Browser, add, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    task = made.task(cast.acme)
    add("left.txt", task_id=task.id), add("other.txt")
    page = client.login("viewer").get(f"/files?task={task.uuid[:8]}").text
    assert "left.txt" in page and "other.txt" not in page and f"/tasks/{task.uuid}?tab=files" in page
    assert "No files match" in client.get("/files?task=ffffffff").text


def test_pages_go_back_in_time(client: Browser, add) -> None:  # type: ignore[no-untyped-def]
    files = [add(f"number-{n:03}.txt") for n in range(53)]
    client.login("viewer")
    page, older = client.get("/files").text, client.get(f"/files?after={files[3].id}").text
    assert "number-052" in page and "number-003.txt" in page and "number-002.txt" not in page
    assert "number-002.txt" in older and f"after={files[3].id}" in page


def test_a_download_is_inert(client: Browser, add) -> None:  # type: ignore[no-untyped-def]
    file = add(EVIL, b"<script>alert(1)</script>", "html")
    answer = client.login("viewer").get(f"/files/{file.uuid}/download")
    assert answer.data == b"<script>alert(1)</script>"
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment") and "X-Evil" not in answer.headers
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert client.get(f"/files/{file.uuid}/download", headers={"Range": "bytes=1-6"}).data == b"script"


def test_names_are_kept_whole_for_people(client: Browser, add) -> None:  # type: ignore[no-untyped-def]
    file = add("Überblick 日本.txt")
    assert (
        "filename*=UTF-8''%C3%9Cberblick"
        in client.login("viewer").get(f"/files/{file.uuid}/download").headers["Content-Disposition"]
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [(b'{"b":[1]}', "&#34;b&#34;: ["), (b"<b>&\n", "&lt;b&gt;&amp;"), (b"", "The file is empty"), (b"\0\1\2", "This is no text"),
     (b"x" * 300_000, "Only files up to"), ("a\u202eb".encode(), "ab"), (b"{broken", "{broken"), (b"[" * 99_999, "[[[[")],
    ids=["json", "markup", "empty", "binary", "large", "turned", "broken", "deep"],
)  # fmt: skip
def test_what_is_inside(client: Browser, add, data: bytes, said: str) -> None:  # type: ignore[no-untyped-def]
    file = add("x", data)
    page, inside = client.login("viewer").get(f"/files/{file.uuid}"), client.htmx("GET", f"/files/{file.uuid}")
    assert page.status_code == inside.status_code == 200
    assert said in page.text and said in inside.text and "<html" not in inside.text


def test_content_that_is_gone(client: Browser, add, settings: Settings) -> None:  # type: ignore[no-untyped-def]
    file = add()
    store.remove(settings.data, file.organization_id, file.uuid)
    assert "The content is gone" in client.login("viewer").get(f"/files/{file.uuid}").text
    assert client.get(f"/files/{file.uuid}/download").status_code == 404


def test_who_may_write_is_offered_to(client: Browser) -> None:
    page = client.login("admin").get("/files").text
    assert 'id="upload"' in page and 'name="organization"' not in page
    assert 'name="organization"' in client.login("superadmin").get("/files").text


def test_an_upload(client: Browser, session: Session, cast: Cast, settings: Settings) -> None:
    answer = upload(client.login("admin"), data=b"<nmaprun/>")
    file = session.scalars(sa.select(File)).one()
    assert answer.status_code == 303 and answer.location == f"/files/{file.uuid}"
    assert (file.name, file.type, file.created_by, file.organization_id) == ("scan.xml", "xml", "alice", cast.acme)
    assert file.sha256 == hashlib.sha256(b"<nmaprun/>").hexdigest()
    assert store.path_of(settings.data, cast.acme, file.uuid).read_bytes() == b"<nmaprun/>"


def test_a_type_may_be_named(client: Browser, session: Session) -> None:
    upload(client.login("admin"), type=" NMAP ")
    assert session.scalars(sa.select(File.type)).one() == "nmap"
    answer = upload(client, type="../x")
    assert answer.status_code == 422 and "Use letters, digits" in answer.text


def test_an_upload_of_nothing(client: Browser) -> None:
    answer = client.login("admin").post("/files", data={})
    assert answer.status_code == 422 and "Choose a file" in answer.text


def test_a_name_is_never_a_path(client: Browser, session: Session) -> None:
    upload(client.login("admin"), "../../etc/passwd\u202e")
    assert not {"/", "\\", "\u202e"} & set(session.scalars(sa.select(File.name)).one())


@pytest.mark.parametrize("who", ["viewer", "operator"])
def test_who_may_not_write_may_not_upload_or_delete(client: Browser, add, who: str) -> None:  # type: ignore[no-untyped-def]
    file = add()
    assert upload(client.login(who)).status_code == 403
    assert client.post(f"/files/{file.uuid}/delete").status_code == 403
    assert "/delete" not in client.get(f"/files/{file.uuid}").text


def test_a_deleted_one_is_not_there(client: Browser, add) -> None:  # type: ignore[no-untyped-def]
    file = add()
    assert client.login("admin").post(f"/files/{file.uuid}/delete").location == "/files"
    for below in ("", "/download"):
        assert client.get(f"/files/{file.uuid}{below}").status_code == 404


def test_a_foreign_one_is_not_there(client: Browser, add, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    file = add(organization_id=cast.globex)
    for below in ("", "/download"):
        assert client.login("admin").get(f"/files/{file.uuid}{below}").status_code == 404
    assert client.post(f"/files/{file.uuid}/run", data={"plugin_id": "file_hash"}).status_code == 404
