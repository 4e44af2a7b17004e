"""A POST with a key of its own is done once, however often and however much at once it is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp import clock
from webapp.access.models import Audit
from webapp.rest import idempotency
from webapp.rest.models import Answered
from webapp.tasks.models import Task

DEMO = {"data": {"plugin_id": "demo", "input_data": "a"}}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def count(session: Session, table: type) -> int:
    session.commit()
    return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_the_same_again_is_answered_the_same(api: Api, session: Session) -> None:
    program = api()
    first, again = (program.post("/tasks/", DEMO, headers=KEY) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.data == again.data and first.headers["Location"] == again.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first.headers
    assert count(session, Task) == 1
    assert count(session, Audit) == len(session.scalars(sa.select(Audit).where(Audit.action != "never")).all())


def test_another_body_under_the_same_key_is_refused(api: Api, session: Session) -> None:
    program = api()
    program.post("/tasks/", DEMO, headers=KEY)
    for path, body in (("/tasks/", DEMO | {"type": "plugin"}), ("/batches/", DEMO), ("/tasks/?case=upper", DEMO)):
        refused = program.post(path, body, headers=KEY)
        assert refused.status_code == 409 and "was used for another request" in refused.json["detail"]
    assert count(session, Task) == 1


def test_twenty_at_once_make_one_task(api: Api, session: Session) -> None:
    program = api()
    session.commit()

    def send(_number: int) -> tuple[int, str]:
        client = program.client.application.test_client()
        headers = KEY | {"Authorization": f"Bearer {program.token}"}
        answer = client.post("/api/v1/tasks/", json=DEMO, headers=headers)
        return answer.status_code, answer.json.get("id")

    program.client.application.extensions.pop("test_session")  # it is this thread's alone
    with ThreadPoolExecutor(20) as threads:
        answers = set(threads.map(send, range(20)))
    assert len(answers) == 1 and answers.pop()[0] == 201
    assert count(session, Task) == 1


def test_what_was_refused_can_be_mended_under_the_same_key(api: Api, session: Session) -> None:
    program = api()
    assert program.post("/tasks/", {"data": {"plugin_id": "dmeo"}}, headers=KEY).status_code == 422
    assert program.post("/tasks/", DEMO, headers=KEY).status_code == 201


def test_keys_of_others_are_others(api: Api, session: Session) -> None:
    ids = {api().post("/tasks/", DEMO, headers=KEY).json["id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_verb_is_repeated_without_a_second_refusal(api: Api, session: Session, cast: Cast) -> None:
    program, task = api(), made.task(cast.acme)
    answers = [program.post(f"/tasks/{task.uuid}/cancel", headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]


def test_a_secret_is_not_kept_for_repetition(api: Api, session: Session) -> None:
    program = api("admin")
    body = {"name": "ci", "permissions": ["endpoints:tasks:read"]}
    token = program.post("/tokens/", body, headers=KEY).json["token"]
    again = program.post("/tokens/", body, headers=KEY)
    assert (again.status_code, again.json["detail"]) == (
        409,
        "This was done already. What it answered is shown only once",
    )
    session.commit()
    assert token.split("_", 2)[2] not in str(session.execute(sa.text("SELECT body FROM rest_answer")).all())


def test_a_key_is_one_line_of_signs(api: Api) -> None:
    for key in ("", "x" * 201, "schlüssel"):
        headers = {"Idempotency-Key": key.encode().decode("latin1")}
        assert api().post("/tasks/", DEMO, headers=headers).status_code == 400, key


def test_answers_are_forgotten_after_a_day(api: Api, session: Session) -> None:
    api().post("/tasks/", DEMO, headers=KEY)
    session.commit()
    now = clock.now()
    assert idempotency.forget_old(now + timedelta(hours=23)) == 0
    assert idempotency.forget_old(now + timedelta(hours=25)) == 1
    session.commit()
    assert count(session, Answered) == 0
