"""The command line as a client: what it prints for programs, and the exit codes that scripts rely on."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.commands.conftest import Muster
from tests.rest.conftest import Api
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.db import writing_to
from webapp.files import lifecycle as files
from webapp.tasks import lifecycle
from webapp.tasks.lifecycle import End
from webapp.tasks.log import output
from webapp.tasks.models import Task

pytestmark = pytest.mark.one_database


def say(settings: Settings, task: Task, data: bytes) -> None:
    folder = output.folder(settings.data, task.uuid)
    output.append(folder, "stdout", output.sizes(folder)["stdout"], data, 1)


def test_run_prints_the_id_and_nothing_else(muster: Muster, api: Api, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "web-1")
    session.commit()
    answer = muster("run", "--agent", "web-1", "--env", "A=1", "--timeout", "2m", "--", "df", "-h", "/")
    assert (answer.returncode, answer.stderr) == (0, "")
    task = api().get(f"/tasks/{answer.stdout.strip()}/").json
    assert task["data"] == {"argv": ["df", "-h", "/"]} and task["trigger"] == "api"
    line = muster("run", "--anyone", "--", "df -h / | tail -1").stdout.strip()
    assert api().get(f"/tasks/{line}/").json["data"] == {"command": "df -h / | tail -1"}


def test_run_of_a_plugin_makes_a_task_for_each_input(muster: Muster, api: Api) -> None:
    answer = muster(
        "run", "--plugin", "tcp_ports", "--input", "a.example", "--input", "b.example", "--arg", "timeout=2"
    )
    assert answer.returncode == 0, answer.stderr
    tasks = [api().get(f"/tasks/{uuid}/").json["data"] for uuid in answer.stdout.split()]
    assert [task["input_data"] for task in tasks] == [["a.example"], ["b.example"]]
    assert tasks[0]["kwargs"] == {"timeout": 2}


def test_waiting_ends_with_the_code_of_the_task(muster: Muster, api: Api, session: Session, cast: Cast) -> None:
    """Those that have ended already: what runs them is tested elsewhere."""
    codes = {}
    for name, task in {
        "completed": made.ended(cast.acme),
        "failed": made.ended(cast.acme, 1),
        "cancelled": made.task(cast.acme),
    }.items():
        if name == "cancelled":
            lifecycle.cancel(task, made.ANN, clock.now())
        session.commit()
        codes[name] = muster("logs", task.uuid[:8], "--follow").returncode
    assert codes == {"completed": 0, "failed": 1, "cancelled": 6}


def test_waiting_too_long_has_a_code_of_its_own(muster: Muster) -> None:
    answer = muster("run", "--plugin", "demo", "--input", "a", "--wait", "--max-wait", "1s")
    assert answer.returncode == 124 and "It has not ended within 1 s, and goes on" in answer.stderr


def test_run_task_runs_what_waits_and_repeats_what_has_ended(
    muster: Muster, api: Api, session: Session, cast: Cast
) -> None:
    waiting = made.task(cast.acme, not_before=(clock.now() + timedelta(hours=1)).isoformat())
    ended = made.ended(cast.acme)
    session.commit()
    assert muster("run-task", waiting.uuid[:8]).stdout.strip() == waiting.uuid
    assert api().get(f"/tasks/{waiting.uuid}/").json["status"] == "pending"
    answer = muster("run-task", ended.uuid)
    assert answer.returncode == 0, answer.stderr
    again = answer.stdout.strip()
    assert again != ended.uuid and api().get(f"/tasks/{again}/").json["trigger"] == "reschedule"


def test_tasks_in_every_form(muster: Muster, session: Session, cast: Cast) -> None:
    tasks = made.tasks(cast.acme, ["one", "two"])
    made.ended(cast.acme, 1)
    session.commit()
    assert {each["id"] for each in json.loads(muster("tasks", "--json", "-s", "failed").stdout)}.isdisjoint(
        {tasks[1].uuid}
    )
    lines = muster("tasks", "-q", "status:queued").stdout.splitlines()
    assert all(len(line.split("\t")) == 10 and "\x1b" not in line for line in lines)
    rows = list(csv.DictReader(io.StringIO(muster("tasks", "-o", "csv").stdout)))
    assert len(rows) == 3 and {row["what"] for row in rows} == {"Demo"}
    many = [json.loads(line) for line in muster("tasks", "-o", "jsonl", "-n", "2").stdout.splitlines()]
    assert len(many) == 2 and "what" not in many[0]
    table = muster("tasks", "-o", "table").stdout
    assert table.startswith("ID ") and "Queued" in table and "Failed" in table


def test_logs_print_the_bytes_of_either_stream(
    muster: Muster, settings: Settings, session: Session, cast: Cast
) -> None:
    task = made.ended(cast.acme)
    say(settings, task, "Grüße\n".encode())
    session.commit()
    assert muster("logs", task.uuid).stdout == muster("logs", task.uuid[:8], "--stream", "stdout").stdout == "Grüße\n"
    assert muster("logs", task.uuid, "--stream", "stderr").stdout == ""


def test_logs_say_when_a_line_came_and_begin_where_they_are_asked_to(
    muster: Muster, settings: Settings, session: Session, cast: Cast
) -> None:
    """While it runs, too: without --follow the end is what is there now."""
    task = made.started(cast.acme).task
    task.started_at = clock.now() - timedelta(hours=1)
    folder = output.folder(settings.data, task.uuid)
    output.append(folder, "stdout", 0, b"early\nlong", 1_000)
    output.append(folder, "stdout", 10, b" line\n", 3_590_000)
    moment = task.started_at + timedelta(seconds=1)
    session.commit()
    stamped = muster("logs", task.uuid, "--timestamps", "utc")
    assert stamped.returncode == 0, stamped.stderr
    when = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
    assert stamped.stdout == f"{when} early\n{when} long line\n"
    assert muster("logs", task.uuid, "--timestamps", "local", TZ="Etc/GMT-3").stdout.startswith(
        f"{moment + timedelta(hours=3):%Y-%m-%d %H:%M:%S}"
    )
    assert muster("logs", task.uuid, "--since", "30m").stdout == " line\n"


@pytest.fixture
def following(environment: dict[str, str], settings: Settings, session: Session, cast: Cast) -> Iterator[tuple]:
    """A command that follows a running task and has printed its first line."""
    taken = made.started(cast.acme)
    say(settings, taken.task, b"first\n")
    session.commit()
    command = [sys.executable, "-m", "webapp.cli", "logs", taken.task.uuid, "--follow"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "first\n"
    yield process, taken
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_follow_prints_what_comes_and_ends_with_the_task(
    following: tuple, settings: Settings, session: Session
) -> None:
    process, taken = following
    say(settings, taken.task, b"second\n")
    assert process.stdout.readline() == "second\n"
    lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(1))
    session.commit()
    assert process.wait(60) == 1


def test_ctrl_c_detaches_and_says_how_to_come_back(following: tuple, session: Session) -> None:
    process, taken = following
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    short = taken.task.uuid[:8]
    assert process.returncode == 130
    assert f"muster logs {short} --follow" in errors and f"muster cancel {short}" in errors
    assert "Traceback" not in errors
    session.refresh(taken.task)
    assert taken.task.status == "executing" and taken.task.cancel_requested_at is None


def test_why(muster: Muster, session: Session, cast: Cast) -> None:
    task = made.command(cast.acme, {"agents": "anyone"})[0]
    session.commit()
    assert muster("why", task.uuid).stdout == "No agent is online\n"


def test_notes(muster: Muster, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    session.commit()
    assert muster("notes", task.uuid, "--add", "-", stdin="Disk was full").returncode == 0
    assert "Disk was full" in muster("notes", task.uuid).stdout


def test_files_are_fetched_and_checked(
    muster: Muster, settings: Settings, session: Session, cast: Cast, tmp_path: Path
) -> None:
    task = made.ended(cast.acme)
    with writing_to(cast.acme):
        facts = {"type": "text", "by": made.WORKER, "now": clock.now(), "task_id": task.id, "name": "a.txt"}
        files.add(settings.data, io.BytesIO(b"content"), organization_id=cast.acme, **facts)
    session.commit()
    listed = muster("files", "list", task.uuid).stdout.split("\t")
    assert listed[0] == "a.txt" and listed[3].strip() == hashlib.sha256(b"content").hexdigest()
    assert muster("files", "get", task.uuid, "-d", "out").returncode == 0
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"content" and os.listdir(tmp_path / "out") == ["a.txt"]
    assert muster("files", "get", task.uuid, "-d", "out").returncode == 2  # it is there already
    assert muster("files", "get", task.uuid, "b.txt", "-d", "out").returncode == 3
    assert muster("files", "get", task.uuid, "-d", "out/a.txt").returncode == 2  # that is no folder


def test_exit_codes_of_refusals(muster: Muster, api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    session.commit()
    assert muster("logs", "0" * 36).returncode == 3
    assert muster("cancel", task.uuid, MUSTER_TOKEN=api("viewer").token).returncode == 4
    wrong = muster("tasks", MUSTER_TOKEN="nonsense")
    assert wrong.returncode == 4 and "The token is not taken" in wrong.stderr
    none = muster("tasks", MUSTER_TOKEN="")
    assert none.returncode == 4 and "There is no token" in none.stderr
    away = muster("tasks", MUSTER_URL="http://127.0.0.1:1")
    assert away.returncode == 5 and away.stderr.startswith("Error: The server at http://127.0.0.1:1 cannot be reached")


def test_usage_is_told_by_field(muster: Muster) -> None:
    for words, text in (
        (["run", "--", "true"], "Choose where it runs"),
        (["run", "--all"], "Enter the command to run"),
        (["run", "--all", "--anyone", "--tag", "x", "--", "true"], "Choose one of --agent, --tag"),
        (["run", "--plugin", "dmeo"], 'data.plugin_id: There is no plugin "dmeo"'),
        (["run", "--plugin", "demo", "--arg", "x"], "--arg x: write name=value"),
        (["run", "--plugin", "demo", "--", "true"], "Give a command, --plugin or --test"),
        (["run", "--test", "nothing", "--all"], "data.test"),
        (["login", "muster.example.com"], "like https://muster.example.com"),
        (["tasks", "-q", "statsu:failed"], 'Did you mean status?'),
        (["tasks", "--profile", "nowhere"], "has no section [nowhere]"),
        (["cancel"], "Name tasks, or give a filter with -q"),
    ):  # fmt: skip
        answer = muster(*words)
        assert (answer.returncode, answer.stdout) == (2, ""), (words, answer)
        assert text in answer.stderr and "Traceback" not in answer.stderr, (words, answer.stderr)


def test_a_profile_names_server_and_token(muster: Muster, environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "muster"
    folder.mkdir(parents=True)
    (folder / "token").write_text(environment["MUSTER_TOKEN"] + "\n")
    (folder / "config.toml").write_text(f'[default]\nurl = "{environment["MUSTER_URL"]}"\ntoken_file = "token"\n')
    assert muster("tasks", MUSTER_URL="", MUSTER_TOKEN="").returncode == 0
    there = muster("tasks", "--profile", "default", MUSTER_URL="http://127.0.0.1:1", MUSTER_TOKEN="x")
    assert there.returncode == 0, there.stderr
