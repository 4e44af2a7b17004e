"""Files over the API."""

from __future__ import annotations

import hashlib
import io

from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.cast import Cast
from tests.rest.conftest import Api, Program

CONTENT = b"<nmaprun/>" * 100


def upload(program: Program, content: bytes = CONTENT, name: str = "scan.xml", **fields: str) -> TestResponse:
    headers = fields.pop("headers", {})
    return program.post("/files/", data={"file": (io.BytesIO(content), name), **fields}, headers=headers)


def test_what_is_uploaded_can_be_fetched(api: Api) -> None:
    program = api("admin")
    answer = upload(program, type="nmap")
    assert answer.status_code == 201, answer.text
    file = answer.json
    assert (file["name"], file["type"], file["size"], file["task_id"]) == ("scan.xml", "nmap", len(CONTENT), None)
    assert file["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert api("viewer").get(f"/files/{file['id']}/").json == file
    assert api("viewer").get(f"/files/{file['id']}/download").data == CONTENT


def test_parts_of_a_file(api: Api) -> None:
    program = api("admin")
    path = f"/files/{upload(program).json['id']}/download"
    part = program.get(path, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.data) == (206, b"<nmaprun/>")
    known = program.get(path, headers={"If-None-Match": part.headers["ETag"]})
    assert known.status_code == 304


def test_they_are_found(api: Api) -> None:
    program = api("admin")
    ids = [upload(program, name=name, type=kind).json["id"] for name, kind in (("a.xml", "nmap"), ("b.txt", "text"))]
    assert [file["id"] for file in program.get("/files/").json["items"]] == ids[::-1]
    assert [file["id"] for file in program.get("/files/?type=nmap").json["items"]] == ids[:1]
    assert [file["id"] for file in program.get("/files/?q=B.T").json["items"]] == ids[1:]
    assert program.get("/files/?task_id=nothing").json["items"] == []


def test_a_name_is_only_text(api: Api) -> None:
    program = api("admin")
    for given, kept in {"../../etc/passwd": ".._.._etc_passwd", "a\x07b": "a_b", "": "scan.xml"}.items():
        form = {"file": (io.BytesIO(CONTENT), "scan.xml"), "name": given}
        assert program.post("/files/", data=form).json["name"] == kept


def test_the_same_upload_under_one_key_is_one_file(api: Api) -> None:
    program, key = api("admin"), {"Idempotency-Key": "upload-1"}
    first, again = upload(program, headers=key), upload(program, headers=key)  # type: ignore[arg-type]
    assert first.json["id"] == again.json["id"]
    assert upload(program, b"other", headers=key).status_code == 409  # type: ignore[arg-type]


def test_a_deleted_one_is_gone(api: Api) -> None:
    program = api("admin")
    file = upload(program).json
    assert program.delete(f"/files/{file['id']}/").status_code == 204
    assert (
        program.get(f"/files/{file['id']}/").status_code
        == program.get(f"/files/{file['id']}/download").status_code
        == 404
    )


def test_rights(api: Api) -> None:
    assert upload(api("operator")).status_code == 403
    file = upload(api("admin")).json
    assert api("foreign").get(f"/files/{file['id']}/download").status_code == 404
    assert api("operator").delete(f"/files/{file['id']}/").status_code == 403


def test_without_a_file_nothing_is_uploaded(api: Api, session: Session, cast: Cast) -> None:
    answer = api("admin").post("/files/", {"file": "text"})
    assert answer.json["errors"] == [{"field": "file", "message": "Send a file, as multipart/form-data"}]
