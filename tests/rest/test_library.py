"""Tests, their builds and the signing keys over the API."""

from __future__ import annotations

import gc
import hashlib
import io
import struct
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.rest.conftest import Api, Program
from webapp import clock
from webapp.config import Settings
from webapp.library import manifest, trust
from webapp.library.signing import Signing

SCRIPT = b"#!/bin/sh\nexit 1\n"
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 0x3E) + bytes(100)


def new(program: Program, slug: str = "smb-signing", **facts: Any) -> int:
    answer = program.post("/tests/", {"slug": slug, "name": "SMB signing"} | facts)
    assert answer.status_code == 201, answer.text
    return int(answer.json["id"])


def upload(program: Program, test_id: int, content: bytes = SCRIPT, headers: Any = None, **fields: str) -> TestResponse:
    form = {"file": (io.BytesIO(content), "test"), **fields}
    return program.post(f"/tests/{test_id}/builds/", data=form, headers=headers or {})


def stored(settings: Settings) -> list[Path]:
    return [path for path in (settings.data / "artifacts").rglob("*") if path.is_file()]


@pytest.fixture
def program(api: Api) -> Program:
    return api("admin")


def test_a_test_is_added_found_edited_and_retired(program: Program) -> None:
    test_id = new(program, technique="T1557", requires=["azure"])
    new(program, "other")
    path = f"/tests/{test_id}/"
    assert [test["id"] for test in program.get("/tests/?q=t1557").json["items"]] == [test_id]
    assert [test["slug"] for test in program.get("/tests/?slug=other").json["items"]] == ["other"]
    seen = program.get(path)
    assert (seen.json["version"], seen.json["requires"], seen.json["builds"]) == (0, ["azure"], [])
    told = program.put(path, {"name": "SMB"}, headers={"If-Match": seen.headers["ETag"]}).json
    assert (told["name"], told["technique"]) == ("SMB", "T1557")
    assert program.put(path, {"name": "Late"}, headers={"If-Match": seen.headers["ETag"]}).status_code == 412
    assert program.delete(path).status_code == 204
    assert program.get(path).status_code == 404
    assert [test["slug"] for test in program.get("/tests/").json["items"]] == ["other"]
    assert [test["id"] for test in program.get("/tests/?retired=1").json["items"]] == [test_id]
    assert program.post(f"{path}restore").json["retired"] is False
    assert program.post(f"{path}restore").status_code == 409 and program.get(path).status_code == 200


def test_a_slug_is_taken_once_and_spelt_right(program: Program) -> None:
    new(program)
    for slug in ("smb-signing", "No Slug"):
        answer = program.post("/tests/", {"slug": slug, "name": "Again"})
        assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "slug"


def test_a_build_is_read_numbered_and_offered(program: Program) -> None:
    test_id = new(program)
    first = upload(program, test_id, ELF)
    assert first.status_code == 201, first.text
    build = first.json
    assert (build["platform"], build["arch"], build["version"], build["size"]) == ("linux", "amd64", 1, len(ELF))
    assert build["sha256"] == hashlib.sha256(ELF).hexdigest()
    assert program.get(f"/builds/{build['id']}").json == build
    assert upload(program, test_id, ELF + b"2", version="7").json["version"] == 7
    script = upload(program, test_id, platform="darwin", arch="arm64", sha256=hashlib.sha256(SCRIPT).hexdigest())
    assert script.json["platform"] == "darwin"
    told = program.get(f"/tests/{test_id}").json
    assert told["platforms"] == ["darwin/arm64", "linux/amd64"] and len(told["builds"]) == 3
    assert [test["id"] for test in program.get("/tests/?platform=darwin").json["items"]] == [test_id]


@pytest.mark.parametrize(("content", "fields", "field"), [
    (b"", {}, "file"),
    (b"just words", {}, "file"),
    (ELF[:18], {}, "file"),
    (b"MZ" + bytes(100), {}, "file"),
    (b"#!/bin/sh\r\nexit 1\r\n", {}, "file"),
    (ELF, {"platform": "windows"}, "platform"),
    (ELF, {"arch": "arm64"}, "arch"),
    (SCRIPT, {"sha256": "0" * 64}, "sha256"),
    (SCRIPT, {"version": "-1"}, "version"),
    (SCRIPT, {"version": "many"}, "version"),
    (SCRIPT, {"platform": "amiga"}, "platform"),
    (SCRIPT, {"colour": "red"}, "colour"),
])  # fmt: skip
def test_a_file_that_is_not_what_it_says_leaves_nothing(
    program: Program, settings: Settings, content: bytes, fields: dict[str, str], field: str
) -> None:
    test_id = new(program)
    answer = upload(program, test_id, content, **fields)
    assert answer.status_code == 422, answer.text
    assert answer.content_type == "application/problem+json" and answer.json["errors"][0]["field"] == field
    assert not stored(settings) and program.get(f"/tests/{test_id}").json["builds"] == []


def test_a_file_that_is_too_big_leaves_nothing(
    program: Program, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.library.lifecycle.MAX_SIZE", 1000)
    test_id = new(program)
    answer = upload(program, test_id, SCRIPT + bytes(1000))
    assert 400 <= answer.status_code < 500 and answer.content_type == "application/problem+json"
    assert not stored(settings)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the parser leaves its own file open
def test_a_body_that_breaks_off_leaves_nothing(program: Program, settings: Settings) -> None:
    test_id = new(program)
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="t"\r\n\r\n' + SCRIPT + bytes(5000)
    answer = program.post(
        f"/tests/{test_id}/builds/", input_stream=io.BytesIO(part), content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": "100000"},
    )  # fmt: skip
    assert 400 <= answer.status_code < 500 and answer.content_type == "application/problem+json"
    gc.collect()
    assert not stored(settings) and program.get(f"/tests/{test_id}").json["builds"] == []


def test_the_same_upload_under_one_key_is_one_build(program: Program) -> None:
    test_id, key = new(program), {"Idempotency-Key": "upload-1"}
    assert upload(program, test_id, headers=key).json == upload(program, test_id, headers=key).json
    assert upload(program, test_id, b"#!/bin/sh\nexit 0\n", headers=key).status_code == 409
    assert len(program.get(f"/tests/{test_id}").json["builds"]) == 1


def test_a_build_is_switched_promoted_revoked_and_deleted(program: Program, settings: Settings) -> None:
    test_id = new(program)
    old, newer = (upload(program, test_id, SCRIPT + bytes([35, number])).json for number in (49, 50))
    path = f"/builds/{old['id']}"
    assert program.post(f"{path}/promote").json["version"] == newer["version"] + 1
    assert program.post(f"{path}/disable").json["enabled"] is False
    assert program.post(f"{path}/disable").status_code == 409
    assert program.post(f"{path}/promote").json["reason"] == "unusable"
    assert program.post(f"{path}/enable").json["enabled"] is True
    assert program.post(f"{path}/revoke", {"why": "It deletes files"}).json["revoked_why"] == "It deletes files"
    signing = Signing(settings.signing_key_file)
    assert old["sha256"] in trust.withdrawn(signing.trust(clock.now()))
    assert program.post(f"{path}/enable").json["reason"] == "revoked"
    assert program.delete(path).status_code == 204 and program.get(path).status_code == 404
    assert [build["id"] for build in program.get(f"/tests/{test_id}").json["builds"]] == [newer["id"]]


def test_tests_are_switched(program: Program) -> None:
    test_id = new(program)
    assert program.post(f"/tests/{test_id}/disable").json["enabled"] is False
    assert program.get("/tests/?enabled=1").json["items"] == []
    assert program.post(f"/tests/{test_id}/enable").json["enabled"] is True
    assert program.post(f"/tests/{test_id}/enable").json["reason"] == "unchanged"


def test_the_signing_keys_are_listed(api: Api, settings: Settings) -> None:
    signing, now = Signing(settings.signing_key_file), clock.now()
    (old,) = trust.keys(signing.trust(now))
    new = signing.rotate(now)
    found = {key["id"]: key["status"] for key in api("viewer").get("/signing-keys/").json["items"]}
    assert found == {old: "retiring", new: "active"}


def test_rights(api: Api, program: Program) -> None:
    test_id = new(program)
    build = upload(program, test_id).json["id"]
    assert api("operator").post("/tests/", {"slug": "a", "name": "A"}).status_code == 403
    assert upload(api("operator"), test_id).status_code == 403
    assert api("operator").post(f"/builds/{build}/revoke", {}).status_code == 403
    assert api("foreign").get(f"/tests/{test_id}").status_code == 404
    assert api("foreign").get(f"/builds/{build}").status_code == 404
    assert upload(api("foreign"), test_id).status_code == 404


def test_the_limit_is_what_the_documents_say() -> None:
    assert manifest.MAX_SIZE == 100 * 2**20
