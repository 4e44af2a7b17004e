"""Tasks over the API: what is sent really runs, what is answered is the contract's form."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.tasks import lifecycle
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task

CONTRACT = (
    "id", "type", "status", "data", "organization", "batch_id", "agent_id", "executor", "trigger", "priority",
    "created_at", "assigned_at", "started_at", "ended_at", "updated_at", "exit_code", "outcome", "result", "reason",
    "error", "traceback", "late", "retry_number", "max_retries", "original_task_id", "definition_id", "group_run_id",
    "schedule_id", "created_by", "note_count", "why",
)  # fmt: skip
SECRETIVE = """
from webapp.plugins.contract import Manifest, Parameter

PLUGIN = Manifest(
    id="secretive", name="Secretive", description="Signs in somewhere.",
    parameters=(Parameter("password", "secret"), Parameter("depth", "integer")),
)


def run(context):
    pass
"""
DEMO = {"data": {"plugin_id": "demo", "input_data": "example.com"}}


def failed(organization_id: int) -> Task:
    taken = made.started(organization_id)
    end = End(1, reason="plugin_error", error="boom", traceback="Traceback …")
    lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), end)
    return taken.task


def test_a_new_task_is_answered_as_itself(api: Api) -> None:
    answer = api().post("/tasks/", DEMO)
    assert answer.status_code == 201, answer.text
    task = answer.json
    assert tuple(task) == CONTRACT
    assert (task["type"], task["status"], task["trigger"], task["organization"]) == ("plugin", "pending", "api", "acme")
    assert task["data"] == {"plugin_id": "demo", "input_data": ["example.com"]}
    assert task["created_by"].startswith("oscar/") and task["created_at"].endswith("Z")
    assert answer.headers["Location"] == f"/api/v1/tasks/{task['id']}/"


def test_a_worker_finds_it(api: Api, session: Session) -> None:
    task = api().post("/tasks/", DEMO).json
    assert [taken.task.uuid for taken in made.claimed()] == [task["id"]]


def test_several_are_answered_as_their_batch(api: Api) -> None:
    answer = api().post("/tasks/", {"type": "plugin", "data": {"plugin_id": "demo", "input_data": ["a", "b", "c"]}})
    assert answer.status_code == 201
    batch = answer.json
    assert (batch["counts"], batch["total"], len(batch["task_ids"])) == ({"pending": 3}, 3, 3)
    assert answer.headers["Location"] == f"/api/v1/batches/{batch['id']}/"
    assert {api().get(f"/tasks/{uuid}").json["batch_id"] for uuid in batch["task_ids"]} == {batch["id"]}


def test_a_target_that_is_resolved_later_is_a_batch_without_a_total(api: Api, session: Session, cast: Cast) -> None:
    made.agent(cast.acme)
    later = clock.now() + timedelta(hours=1)
    body = {"type": "execute_command", "data": {"command": "true"}, "target": {"agents": "all"}}
    batch = api().post("/tasks/", body | {"options": {"not_before": later.isoformat()}}).json
    assert batch["total"] is None and batch["counts"] == {"scheduled": 1}


def test_an_agent_is_named_by_its_public_id(api: Api, session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme, "web-1")
    body = {"type": "execute_command", "data": {"command": "uptime", "env": {"A": "1"}}, "target": {"owner": "web-1"}}
    task = api().post("/tasks/", body).json
    assert (task["agent_id"], task["executor"], task["data"]) == (agent.uuid, "agent", {"command": "uptime"})


def test_a_command_needs_a_right_of_its_own(api: Api, session: Session, cast: Cast) -> None:
    body = {"type": "execute_command", "data": {"command": "true"}, "target": {"agents": "anyone"}}
    narrow = api("admin", "endpoints:tasks:create", "endpoints:tasks:read")
    assert narrow.post("/tasks/", DEMO).status_code == 201
    refused = narrow.post("/tasks/", body)
    assert refused.status_code == 403 and "You cannot run shell commands in Acme" in refused.json["detail"]


def test_the_organization_is_named_by_its_slug_or_id(api: Api, cast: Cast) -> None:
    for name in ("acme", str(cast.acme), cast.acme):
        assert api().post("/tasks/", DEMO | {"organization": name}).json["organization"] == "acme"


def test_a_foreign_organization_is_not_there(api: Api, cast: Cast) -> None:
    answer = api("admin").post("/tasks/", DEMO | {"organization": "globex"})
    assert answer.status_code == 422
    assert answer.json["errors"] == [
        {"field": "organization", "message": "There is no organization globex that you can see"}
    ]


def test_a_failed_task_tells_its_error_twice(api: Api, session: Session, cast: Cast) -> None:
    """In fields of its own, and in `data`, where the scanner's programs look for it."""
    task = api("viewer").get(f"/tasks/{failed(cast.acme).uuid}/").json
    assert (task["status"], task["reason"], task["error"]) == ("failed", "plugin_error", "boom")
    assert (task["data"]["error"], task["data"]["traceback"]) == ("boom", "Traceback …")


def test_upper_case_is_the_scanners_vocabulary(api: Api, session: Session, cast: Cast) -> None:
    program, task = api(), failed(cast.acme)
    made.started(cast.acme)
    assert program.get(f"/tasks/{task.uuid}/?case=upper").json["status"] == "FAILED"
    found = program.get("/tasks/?case=upper").json["items"]
    assert {task["status"] for task in found} == {"FAILED", "RUNNING"}
    batch = program.post("/batches/?case=upper", DEMO).json
    assert batch["counts"] == {"PENDING": 1}


def test_a_waiting_task_says_why(api: Api, session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme, "web-1", last_seen_at=None)
    task = made.command(cast.acme, {"agents": ["web-1"]})[0]
    reason = {"code": "agent_never_seen", "text": "web-1 has not reported yet", "href": f"/agents/{agent.uuid}"}
    assert api("viewer").get(f"/tasks/{task.uuid}").json["why"] == [reason]
    assert api("viewer").get(f"/tasks/{task.uuid}/why").json == {"items": [reason], "next": None}


def test_an_id_may_be_shortened(api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    for name in (task.uuid[:8], task.uuid[:13], task.uuid.upper()):
        assert api().get(f"/tasks/{name}/").json["id"] == task.uuid
    assert api().get(f"/tasks/{task.uuid[:7]}/").status_code == 404


def test_secret_parameters_are_hidden(api: Api, settings: Settings) -> None:
    settings.plugins_folder.mkdir(parents=True)
    (settings.plugins_folder / "secretive.py").write_text(SECRETIVE)
    program = api()
    task = program.post("/tasks/", {"data": {"plugin_id": "secretive", "kwargs": {"password": "hush", "depth": 1}}})
    assert task.status_code == 201, task.text
    assert task.json["data"]["kwargs"] == {"password": "•••", "depth": 1}
    assert "hush" not in program.get("/tasks/").text


def test_names_are_added_for_people(api: Api, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "web-1")
    task = made.command(cast.acme, {"agents": ["web-1"]}, "df -h /")[0]
    shown = api().get(f"/tasks/{task.uuid}/?names=1").json
    assert (shown["what"], shown["input"], shown["agent"]) == ("df -h /", "df -h /", "web-1")


def test_a_task_that_has_ended_can_be_deleted(api: Api, session: Session, cast: Cast) -> None:
    program, task = api("admin"), made.ended(cast.acme)
    assert program.delete(f"/tasks/{task.uuid}/").status_code == 204
    assert program.get(f"/tasks/{task.uuid}/").status_code == 404
    assert program.post(f"/tasks/{task.uuid}/restore").json["id"] == task.uuid
    assert program.get(f"/tasks/{task.uuid}/").status_code == 200


def test_an_open_task_stays(api: Api, session: Session, cast: Cast) -> None:
    refused = api("admin").delete(f"/tasks/{made.task(cast.acme).uuid}/")
    assert (refused.status_code, refused.json["reason"]) == (409, "open")


def test_an_unchanged_task_is_not_sent_again(api: Api, session: Session, cast: Cast) -> None:
    program, task = api(), made.ended(cast.acme)
    first = program.get(f"/tasks/{task.uuid}/")
    again = program.get(f"/tasks/{task.uuid}/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_count_is_what_bulk_would_act_on(api: Api, session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, ["a", "b", "c"])
    assert api().get("/tasks/count?status=pending").json == {"count": 3}
