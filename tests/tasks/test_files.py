"""Files of a task: seen, taken together, and given to another plugin."""

from __future__ import annotations

import io
import zipfile

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.db import writing_to
from webapp.events import SYSTEM
from webapp.files import lifecycle
from webapp.files.models import File
from webapp.tasks.models import Task


@pytest.fixture
def task(session: Session, cast: Cast) -> Task:
    return made.ended(cast.acme)


@pytest.fixture
def file(session: Session, task: Task, settings: Settings) -> File:
    with writing_to(task.organization_id):
        made = lifecycle.add(
            settings.data, io.BytesIO(b"<script>"), organization_id=task.organization_id, name="<b>scan</b>.xml",
            type="nmap", by=SYSTEM, now=clock.now(), task_id=task.id, plugin_id="demo",
        )  # fmt: skip
        task.file_count = 1
        session.flush()
    return made


def test_the_tab_lists_them(client: Browser, task: Task, file: File) -> None:
    page = client.login("viewer").get(f"/tasks/{task.uuid}?tab=files").text
    assert "&lt;b&gt;scan&lt;_b&gt;.xml" in page and file.sha256 in page and "8 B" in page
    assert f"/files/{file.uuid}/download" in page and f"/files/{file.uuid}/run" not in page


def test_all_as_a_zip(client: Browser, task: Task, file: File) -> None:
    answer = client.login("viewer").get(f"/tasks/{task.uuid}/files.zip")
    assert answer.content_type == "application/zip" and answer.headers["Cache-Control"] == "private, no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as found:
        assert [found.read(name) for name in found.namelist()] == [b"<script>"]


def test_a_plugin_runs_on_it(client: Browser, session: Session, task: Task, file: File) -> None:
    assert f"/files/{file.uuid}/run" in client.login("operator").get(f"/tasks/{task.uuid}?tab=files").text
    answer = client.post(f"/files/{file.uuid}/run", data={"plugin_id": "file_hash"})
    new = session.scalars(sa.select(Task).where(Task.plugin_id == "file_hash")).one()
    assert answer.status_code == 303 and answer.location == f"/tasks/{new.uuid}"
    assert (new.trigger, new.created_by, new.status) == ("manual", "oscar", "pending")
    assert new.data["input_data"] == [{"file": file.uuid}]


def test_a_list_stays_and_its_toast_leads_there(client: Browser, file: File) -> None:
    answer = client.login("operator").htmx("POST", f"/files/{file.uuid}/run", data={"plugin_id": "file_hash"})
    assert answer.status_code == 204 and "/tasks/" in answer.headers["HX-Trigger"]


@pytest.mark.parametrize("plugin_id", ["", "nothing", "dns_records"])
def test_what_cannot_run_on_it_is_refused(client: Browser, session: Session, file: File, plugin_id: str) -> None:
    before = session.scalar(sa.select(sa.func.count()).select_from(Task))
    answer = client.login("operator").htmx("POST", f"/files/{file.uuid}/run", data={"plugin_id": plugin_id})
    assert answer.status_code == 422 and "toast" in answer.headers["HX-Trigger"]
    assert session.scalar(sa.select(sa.func.count()).select_from(Task)) == before


def test_it_needs_the_right_to_create(client: Browser, file: File) -> None:
    assert client.login("viewer").post(f"/files/{file.uuid}/run", data={"plugin_id": "file_hash"}).status_code == 403
