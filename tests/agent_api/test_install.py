"""How a host gets its first agent: the program, one line, and a description for whoever writes another."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.agent_api.caller import enrol
from tests.browser import Browser
from tests.cast import Cast
from tests.rest.conftest import url as url  # a fixture
from tests.workers.processes import alive, until
from webapp import clock
from webapp.agent_api import openapi
from webapp.agents import enrolment
from webapp.agents.models import Agent
from webapp.events import SYSTEM
from workers.agent import protocol as p


def test_the_program_is_for_everybody(client: Browser, published: str) -> None:
    answer = client.get("/agents/muster-agent.pyz")
    assert answer.status_code == 200 and hashlib.sha256(answer.data).hexdigest() == published
    assert client.get("/agents/muster-agent.pyz", headers={"Range": "bytes=0-9"}).status_code == 206


def test_before_it_is_published_it_says_how(client: Browser) -> None:
    assert client.get("/agents/muster-agent.pyz").status_code == 404


def test_the_script_is_whole_and_names_this_server(client: Browser, published: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    answer = client.get("/agents/install.sh", base_url="http://muster.example:8080")
    assert answer.content_type.startswith("text/x-shellscript") and published in answer.text
    assert "server=http://muster.example:8080" in answer.text
    script = tmp_path / "install.sh"
    script.write_text(answer.text)
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    told = subprocess.run(["sh", script], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert told.returncode == 1 and "MUSTER_ENROLMENT_TOKEN" in told.stderr


TOOLS = ("sh", "chmod", "curl", "dirname", "id", "mkdir", "mv", "nohup", "rm", "sleep", "tail")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """All that the script finds: no systemctl, so that nothing is installed on the machine of the tests."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or "/nowhere")
    (folder / "python3").symlink_to(os.path.realpath(sys.executable))
    return folder


def install(url: str, tools: Path, token: str, work: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(tools), "HOME": str(work.parent), "MUSTER_WORK_DIR": str(work), "MUSTER_ENROLMENT_TOKEN": token}
    line = f"curl -fsSL {url}/agents/install.sh | sh"
    return subprocess.run(
        ["/bin/sh", "-c", line], env=env | more, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_one_line_brings_an_agent_that_is_heard(
    url: str, published: str, tools: Path, session: Session, cast: Cast, tmp_path: Path
) -> None:
    text, token = enrolment.create_token(cast.acme, SYSTEM, clock.now(), tags=["prod"])
    session.commit()
    work = tmp_path / "agent of mine"
    done = install(url, tools, text, work, MUSTER_TAGS="web eu")
    assert done.returncode == 0, done.stderr
    assert "systemd does not run on this host" in done.stderr and "The agent runs as process" in done.stdout
    assert work.stat().st_mode & 0o777 == 0o700 and text not in done.stdout + done.stderr
    assert (work / "agent.log").stat().st_mode & 0o777 == 0o600
    pid = int(done.stdout.split("process ")[1].split()[0])
    try:
        agent = until(lambda: heard(session), 60)
        assert (agent.tags, agent.enrolled_with_id) == (["eu", "prod", "web"], token.id)
    finally:
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), 60)


def test_the_one_line_may_leave_the_start_to_others(
    url: str, published: str, tools: Path, session: Session, cast: Cast, tmp_path: Path
) -> None:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now())
    session.commit()
    done = install(url, tools, text, tmp_path / "agent", MUSTER_START="no")
    assert done.returncode == 0 and f"run --work-dir {tmp_path / 'agent'}" in done.stdout
    refused = install(url, tools, "enr_wrong_one", tmp_path / "other")
    assert refused.returncode != 0 and "Start it with" not in refused.stdout


def heard(session: Session) -> Agent | None:
    found = session.query(Agent).filter(Agent.last_seen_at.is_not(None)).one_or_none()
    session.commit()
    return found


def test_enrolment_over_http(client: Browser, session: Session, cast: Cast) -> None:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now())
    answer = enrol(client, text)
    reply = p.EnrolReply.from_json(answer.json)
    assert answer.status_code == 201 and reply.organization == "acme" and reply.credential.startswith("agt_")
    answer = enrol(client, text)
    assert (answer.status_code, answer.json["code"]) == (401, "token_refused")


def test_guessing_tokens_is_slow(client: Browser) -> None:
    answers = [enrol(client, f"enr_guess{n:03}_x").status_code for n in range(12)]
    assert answers == [401] * 10 + [429] * 2


def test_the_description_names_every_route(app: Flask, client: Browser) -> None:
    document = client.get("/agent/v1/openapi.json").json
    assert document["openapi"].startswith("3.1")
    routes = {
        (method.lower(), rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules() if rule.rule.startswith("/agent/v1/") and not rule.rule.endswith(".json")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }  # fmt: skip
    assert {(method, path) for path, calls in document["paths"].items() for method in calls} == routes


def test_the_description_has_every_message() -> None:
    schemas = openapi.document()["components"]["schemas"]
    assert {"HeartbeatRequest", "RunningTask", "Command", "ClaimedTask", "TaskOptions", "Refusal"} <= schemas.keys()
    assert schemas["ClaimedTask"]["properties"]["options"] == {"$ref": "#/components/schemas/TaskOptions"}
    assert all(schema for schema in schemas.values())
