"""Signed tests: from the library to the host, and only where there is a build for it."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.agent_api.caller import Caller
from tests.agent_api.conftest import Enrolled
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.db import unit, writing_to
from webapp.events import SYSTEM, Event
from webapp.library import lifecycle as library
from webapp.library.models import Build, Test
from webapp.library.signing import Signing
from webapp.tasks import launch, sweep
from webapp.tasks.models import Task
from webapp.tasks.spec import SpecError, parse
from workers.agent import trust, verify

SCRIPT = b"#!/bin/sh\nexit 1\n"
ELF = b"\x7fELF\x02\x01\x01\0" + b"\0" * 8 + b"\x02\0\x3e\0" + b"\0" * 100  # linux/amd64, as far as its header says


@pytest.fixture
def test(app: Flask, session: Session, cast: Cast) -> Test:
    row = library.add_test(cast.acme, "lsass-dump", "LSASS dump", SYSTEM, clock.now(), technique="T1003.001")
    session.commit()
    return row


@pytest.fixture
def upload(app: Flask, session: Session, test: Test) -> Any:
    def add(content: bytes = ELF, **more: Any) -> Build:
        build = library.upload(test, io.BytesIO(content), app.extensions["settings"].data, SYSTEM, clock.now(), **more)
        session.commit()
        return build

    return add


def run(cast: Cast, target: Any, **data: Any) -> list[Task]:
    return made.launched(cast.acme, {"type": "execute_test", "data": {"test": "lsass-dump"} | data, "target": target})


def errors(cast: Cast, target: Any, **data: Any) -> list[dict[str, str]]:
    with writing_to(cast.acme), pytest.raises(SpecError) as refused:
        launch.check(
            parse({"type": "execute_test", "data": {"test": "lsass-dump"} | data, "target": target}), clock.now()
        )
    return refused.value.errors


def test_a_host_gets_the_build_that_fits_it(
    app: Flask, caller: Caller, upload: Any, session: Session, cast: Cast
) -> None:
    upload(SCRIPT)
    build = upload(ELF)
    task = run(cast, {"agents": ["web-1"]})[0]
    claimed = caller.take().task
    assert claimed.download == f"/agent/v1/downloads/{build.uuid}"
    now = clock.now()
    pinned = trust.Trust.pin(Signing(app.extensions["settings"].signing_key_file).bundle(now))
    wanted = verify.Wanted("execute_test", "lsass-dump", "acme", "linux", "amd64", "0.1.0")
    versions = verify.Versions(str(app.extensions["settings"].data / "versions.json"))
    assert verify.check(claimed.manifest, wanted, pinned, versions, now).sha256 == build.sha256
    assert session.query(Event).filter_by(kind="task.build", subject_id=task.id).one().data["build"] == build.uuid


def test_the_outcome_is_told_apart_from_the_status(caller: Caller, upload: Any, session: Session, cast: Cast) -> None:
    upload()
    for exit_code, status, outcome in (
        (0, "completed", "unprotected"),
        (1, "completed", "protected"),
        (7, "failed", "error"),
    ):
        task = run(cast, {"agents": ["web-1"]})[0]
        caller.started().result(exit_code)
        session.refresh(task)
        assert (task.status, task.outcome) == (status, outcome)


def test_a_host_without_a_build_is_refused_by_name(
    enrolled: Enrolled, upload: Any, session: Session, cast: Cast
) -> None:
    enrolled(hostname="mac-7", os="darwin", arch="arm64"), enrolled(hostname="web-1")
    upload(ELF)
    (error,) = errors(cast, {"agents": ["mac-7", "web-1"]})
    assert error["field"] == "target.agents" and "mac-7" in error["message"] and "darwin/arm64" in error["message"]


def test_all_passes_over_hosts_without_a_build(enrolled: Enrolled, upload: Any, session: Session, cast: Cast) -> None:
    enrolled(hostname="mac-7", os="darwin", arch="arm64"), enrolled(hostname="web-1")
    upload(ELF)
    assert [task.agent_name for task in run(cast, {"agents": "all"})] == ["web-1"]


def test_anyone_means_anyone_with_a_build(enrolled: Enrolled, upload: Any, session: Session, cast: Cast) -> None:
    mac, web = enrolled(hostname="mac-7", os="darwin", arch="arm64"), enrolled(hostname="web-1")
    upload(ELF)
    run(cast, {"agents": "anyone"})
    assert mac.claim().status_code == 204
    assert web.claim().status_code == 200


def test_tags_that_match_nobody_wait_for_somebody(
    app: Flask, enrolled: Enrolled, upload: Any, session: Session, cast: Cast
) -> None:
    upload(ELF)
    (waiting,) = run(cast, {"tags": ["late"], "match": "all"})
    assert waiting.agent_id is None
    host = enrolled(hostname="web-1", tags=["late"])
    session.commit()
    with unit(app, "test"):
        assert sweep.fan_out(clock.now()) == 1
    assert host.claim().status_code == 200


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"test": "unknown"}, "data.test"),
        ({"test": ""}, "data.test"),
        ({"platform": "beos"}, "data.platform"),
        ({"platform": "windows"}, "data.platform"),
        ({"arch": "arm64"}, "data.platform"),
        ({"arguments": "-v"}, "data.arguments"),
        ({"speed": 1}, "data.speed"),
    ],
)
def test_what_cannot_run_is_refused_before_it_is_made(
    caller: Caller, upload: Any, cast: Cast, data: dict[str, Any], field: str
) -> None:
    upload(ELF)
    assert errors(cast, {"agents": ["web-1"]}, **data)[0]["field"] == field


def test_a_test_without_builds_is_refused(caller: Caller, test: Test, cast: Cast) -> None:
    assert "no build" in errors(cast, {"agents": "anyone"})[0]["message"]


def test_a_disabled_test_is_refused(caller: Caller, upload: Any, test: Test, session: Session, cast: Cast) -> None:
    upload()
    library.disable(test, SYSTEM, clock.now())
    assert "disabled" in errors(cast, {"agents": "anyone"})[0]["message"]


def test_a_test_needs_agents(caller: Caller, upload: Any, cast: Cast) -> None:
    upload()
    assert errors(cast, None)[0]["field"] == "target"


def test_a_build_that_went_meanwhile_fails_the_task(caller: Caller, upload: Any, session: Session, cast: Cast) -> None:
    build = upload()
    task = run(cast, {"agents": ["web-1"]})[0]
    library.delete(build, SYSTEM, clock.now())
    assert caller.claim().status_code == 204
    session.refresh(task)
    assert (task.status, task.reason, task.exit_code) == ("failed", "no_build_for_platform", -1)


def test_an_agent_lost_while_it_tests_gets_a_retry(
    app: Flask, caller: Caller, upload: Any, session: Session, cast: Cast
) -> None:
    upload()
    task = run(cast, {"agents": ["web-1"]})[0]
    caller.started()
    session.refresh(task)
    later = task.lease_until
    session.commit()
    with unit(app, "test"):
        assert sweep.lose_agents(later + timedelta(seconds=121)) == 1
    retry = session.query(Task).filter_by(original_task_id=task.id).one()
    assert (retry.retry_number, retry.max_retries, retry.agent_name, retry.batch_id) == (1, 2, "web-1", task.batch_id)


def test_updates_and_removals_come_first(caller: Caller, session: Session, published: str, cast: Cast) -> None:
    caller.beat(version="0.0.9")
    made.command(cast.acme, {"agents": ["web-1"]}, priority=9)
    made.launched(cast.acme, {"type": "uninstall", "data": {"cleanup": True}, "target": {"agents": ["web-1"]}})
    made.launched(cast.acme, {"type": "update_agent", "target": {"agents": ["web-1"]}})
    kinds = [task["type"] for task in caller.claim().json["tasks"]]
    assert kinds == ["uninstall", "update_agent", "execute_command"]


def test_an_update_carries_the_published_program(caller: Caller, session: Session, published: str, cast: Cast) -> None:
    caller.beat(version="0.0.9")
    made.launched(cast.acme, {"type": "update_agent", "target": {"agents": "all"}})
    claimed = caller.take().task
    assert claimed.manifest is not None and claimed.manifest["manifest"]["sha256"] == published


def test_nobody_is_updated_to_what_it_runs(caller: Caller, session: Session, published: str, cast: Cast) -> None:
    with writing_to(cast.acme), pytest.raises(SpecError, match="already"):
        launch.check(parse({"type": "update_agent", "target": {"agents": ["web-1"]}}), clock.now())


def test_a_removal_names_its_agents(caller: Caller, session: Session, cast: Cast) -> None:
    for target in ({"agents": "all"}, {"agents": "anyone"}, {"tags": ["x"]}, None):
        with writing_to(cast.acme), pytest.raises(SpecError):
            launch.check(parse({"type": "uninstall", "target": target}), clock.now())


def test_a_plugin_is_packed_and_signed_for_its_host(caller: Caller, session: Session, cast: Cast) -> None:
    made.launched(cast.acme, {"data": {"plugin_id": "demo", "input_data": "x"}, "target": {"agents": ["web-1"]}})
    claimed = caller.take().task
    assert claimed.manifest is not None and claimed.manifest["manifest"]["name"] == "demo"
    content = caller.call("GET", str(claimed.download)).data
    assert len(content) == claimed.manifest["manifest"]["size"] and content[:2] == b"PK"
