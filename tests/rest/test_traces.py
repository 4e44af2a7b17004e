"""What a task leaves behind, over the API."""

from __future__ import annotations

import io

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.db import writing_to
from webapp.files import lifecycle as files
from webapp.tasks.models import Task


def leave(settings: Settings, task: Task, name: str) -> None:
    facts = {"name": name, "type": "text", "by": made.WORKER, "now": clock.now(), "task_id": task.id}
    with writing_to(task.organization_id):
        files.add(settings.data, io.BytesIO(name.encode()), organization_id=task.organization_id, **facts)


def test_files_come_in_pieces_and_can_be_fetched(
    api: Api, settings: Settings, session: Session, cast: Cast
) -> None:  # fmt: skip
    task, program = made.ended(cast.acme), api("viewer")
    for name in ("a.txt", "b.txt", "c.txt"):
        leave(settings, task, name)
    piece = program.get(f"/tasks/{task.uuid}/files/?limit=2").json
    rest = program.get(f"/tasks/{task.uuid}/files/?limit=2&cursor={piece['next']}").json
    found = [*piece["items"], *rest["items"]]
    assert [file["name"] for file in found] == ["a.txt", "b.txt", "c.txt"] and rest["next"] is None
    assert found[0]["task_id"] == task.uuid
    answer = program.get(f"/files/{found[0]['id']}/download")
    assert (answer.data, answer.content_type) == (b"a.txt", "application/octet-stream")
    assert answer.headers["Content-Disposition"] == "attachment; filename=a.txt"


def test_history_tells_every_move_and_who_made_it(api: Api, session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    events = api("viewer").get(f"/tasks/{task.uuid}/events/").json["items"]
    moves = [(event["before"], event["after"], event["by"]) for event in events if event["after"]]
    assert moves == [
        (None, "pending", "ann"),
        ("pending", "assigned", made.WORKER.name),
        ("assigned", "executing", made.WORKER.name),
        ("executing", "completed", made.WORKER.name),
    ]


def test_objects_tell_plugin_and_input(api: Api, session: Session, cast: Cast) -> None:
    task, program = made.task(cast.acme), api("admin")
    path = f"/objects/hostname/?task_id={task.uuid}&input_key=internet|example.com"
    program.post(path, {"name": "www.example.com"})
    (seen,) = program.get(f"/tasks/{task.uuid}/objects/").json["items"]
    assert (seen["key"], seen["plugin_id"], seen["input_key"], seen["created"]) == (
        "internet|www.example.com", "demo", "internet|example.com", True,
    )  # fmt: skip


def test_each_kind_needs_its_own_right_to_see(api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    narrow = api("admin", "endpoints:tasks:read")
    assert narrow.get(f"/tasks/{task.uuid}/events/").status_code == 200
    assert narrow.get(f"/tasks/{task.uuid}/files/").status_code == 403
    assert narrow.get(f"/tasks/{task.uuid}/objects/").status_code == 403
