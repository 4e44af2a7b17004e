"""How a host gets its first agent: the program, one line, and a description for whoever writes another."""

from __future__ import annotations

import hashlib
import os
import subprocess

from flask import Flask
from sqlalchemy.orm import Session

from tests.agent_api.caller import enrol
from tests.browser import Browser
from tests.cast import Cast
from webapp import clock
from webapp.agent_api import openapi
from webapp.agents import enrolment
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
