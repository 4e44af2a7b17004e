"""What is sent is refused by the letter: with a status that says what kind of fault, and the field's name."""

from __future__ import annotations

import io
import json
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp.rest import reading

DEMO: dict[str, Any] = {"data": {"plugin_id": "demo", "input_data": "a"}}


def raw(api: Api, data: bytes, content_type: str = "application/json", path: str = "/tasks/") -> TestResponse:
    return api().post(path, data=data, headers={"Content-Type": content_type})


def errors(answer: TestResponse) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.content_type == "application/problem+json"
    assert {"type", "title", "status", "detail", "errors"} <= answer.json.keys()
    return {error["field"]: error["message"] for error in answer.json["errors"]}


NO_JSON = [
    (b"", "The body is empty. Send a JSON object"),
    (b"{", "The body is not JSON. Look at line 1, column 2"),
    (b'{"a": 1,}', "The body is not JSON. Look at line 1, column 9"),
    (b'{"data": NaN}', "The body is not JSON that can be used: NaN is no number"),
    (b'{"data": -Infinity}', "The body is not JSON that can be used: -Infinity is no number"),
    (b'{"a": 1, "a": 2}', 'The body is not JSON that can be used: "a" stands in it twice'),
    (b'{"data": "\xff\xfe"}', "The body is not UTF-8"),
    (b"[" * 100 + b"]" * 100, "The body is nested too deeply. Use at most 64 levels"),
    (b"[" * 200_000, "The body is nested too deeply. Use at most 64 levels"),
    (b'{"a": ' * 65 + b"1" + b"}" * 65, "The body is nested too deeply. Use at most 64 levels"),
    (b"9" * 5_000, "The body is not JSON that can be used"),
]


def test_what_is_no_json_is_a_bad_request(api: Api) -> None:
    for data, detail in NO_JSON:
        answer = raw(api, data)
        assert (answer.status_code, answer.content_type) == (400, "application/problem+json"), data[:40]
        assert answer.json["detail"].startswith(detail), data[:40]


def test_numbers_that_no_database_keeps_are_refused(api: Api) -> None:
    for value in (2**63, -(2**63) - 1, 10**400):
        body = {"data": {"plugin_id": "demo", "input_data": ["a", {"deep": value}]}}
        assert errors(api().post("/tasks/", body)) == {"data.input_data.1.deep": "Enter a number from -2^63 to 2^63-1"}


def test_the_largest_number_is_taken(api: Api) -> None:
    task = api().post("/tasks/", {"data": {"plugin_id": "demo", "input_data": [{"n": 2**63 - 1}]}})
    assert task.json["data"]["input_data"] == [{"n": 2**63 - 1}]


def test_texts_that_no_database_keeps_are_refused(api: Api) -> None:
    for text, message in ((b"a\\u0000b", "Enter text without zero bytes"), (b"\\ud800", "Enter text that is Unicode")):
        body = b'{"data": {"plugin_id": "demo", "input_data": ["%s"]}}' % text
        assert errors(raw(api, body)) == {"data.input_data.0": message}


def test_an_overflowing_number_is_refused(api: Api) -> None:
    body = b'{"data": {"plugin_id": "demo", "input_data": [1e999]}}'
    assert errors(raw(api, body)) == {"data.input_data.0": "Enter a smaller number"}


def test_a_body_that_is_no_object_is_refused(api: Api) -> None:
    for value in ([], "text", 5, None, True):
        assert errors(raw(api, json.dumps(value).encode())) == {"": 'Enter an object, like {"data": {}}'}


def test_other_content_is_not_taken(api: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert raw(api, b"{}", kind).status_code == 415
    assert raw(api, json.dumps(DEMO).encode(), "application/vnd.muster+json").status_code == 201


def test_a_body_without_a_length_has_the_same_limit(api: Api) -> None:
    """Servers hand over a chunked body like this; cut at the limit it could look like another one."""
    streamed = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    body = io.BytesIO(json.dumps(DEMO).encode() + b" " * reading.LARGEST)
    kwargs = {"input_stream": body, "content_type": "application/json", "environ_overrides": streamed}
    assert api().post("/tasks/", **kwargs).status_code == 413


def test_a_body_that_is_too_big_is_refused_before_it_is_read(api: Api) -> None:
    answer = raw(api, b'{"data": "' + b"x" * reading.LARGEST + b'"}')
    assert (answer.status_code, answer.json["detail"]) == (413, "The body is too big. The limit is 8 MB")


WRONG: list[tuple[Any, dict[str, str]]] = [
    ({}, {"data.plugin_id": "Choose a plugin"}),
    ({"data": {"plugin_id": "dmeo"}}, {"data.plugin_id": 'There is no plugin "dmeo"'}),
    ({"data": {"plugin_id": 5}}, {"data.plugin_id": "Choose a plugin"}),
    ({"data": []}, {"data": "Enter an object"}),
    ({"dat": {}}, {"dat": 'Unknown field "dat". Did you mean data?'}),
    ({"type": 5}, {"type": "Enter the name of a task type"}),
    ({"type": "nothing"}, {"type": 'There is no task type "nothing". Choose one of'}),
    (DEMO | {"options": {"priority": 11}}, {"options.priority": "Enter a number from 0 to 10"}),
    (DEMO | {"options": {"priority": "5"}}, {"options.priority": "Enter a whole number"}),
    (DEMO | {"options": {"prority": 1}}, {"options.prority": 'Unknown field "prority". Did you mean priority?'}),
    (DEMO | {"options": {"limit": "x" * 65}}, {"options.limit": "Use at most 64 characters"}),
    (DEMO | {"options": {"not_before": "9999-12-31T23:59:59Z"}}, {"options.not_before": "Enter a time after"}),
    (DEMO | {"target": {"agents": []}}, {"target.agents": 'Select at least one agent, or choose "Anyone"'}),
    (
        DEMO | {"target": {"agents": ["nobody"]}},
        {"target.agents": 'There is no agent "nobody" in this organization'},
    ),
    (DEMO | {"organization": ["acme"]}, {"organization": "Enter the short name or the id of an organization"}),
    (
        {"type": "execute_command", "data": {"command": "true"}, "target": {"agents": ["nobody"]}},
        {"target.agents": 'There is no agent "nobody" in this organization'},
    ),
    (
        {"type": "execute_command", "data": {"comand": "true"}, "target": {"agents": "anyone"}},
        {"data.comand": 'Unknown field "comand". Did you mean command?'},
    ),
    (
        {"data": {"plugin_id": "tcp_ports", "input_data": "example.com", "kwargs": {"timeout": "5"}}},
        {"data.kwargs.timeout": "Enter a number"},
    ),
    (
        {"data": {"plugin_id": "tcp_ports", "input_data": "not a host"}},
        {"data.input_data": "Enter a hostname, like example.com, or an IP address"},
    ),
]


def test_each_wrong_field_is_named(api: Api) -> None:
    program = api()
    for body, fields in WRONG:
        found = errors(program.post("/tasks/", body))
        assert found.keys() == fields.keys(), (body, found)
        assert all(found[name].startswith(message) for name, message in fields.items()), (body, found)


def test_a_plugin_that_is_switched_off_is_refused(api: Api) -> None:
    assert api("admin").post("/plugins/demo/disable").status_code == 200
    assert errors(api().post("/tasks/", DEMO))["data.plugin_id"] == "Demo is not enabled in this organization"


def test_what_is_not_there_is_not_found(api: Api) -> None:
    program = api("admin")
    for name in ["nothing", "%00", "0" * 36, "'; DROP TABLE task", "⚙", "x" * 3_000]:
        for noun in ("tasks", "batches", "files", "objects/hostname", "limits", "plugins", "users", "organizations"):
            answer = program.get(f"/{noun}/{name}/")
            assert (answer.status_code, answer.content_type) == (404, "application/problem+json"), (noun, name[:40])


def test_numbers_beyond_the_database_are_not_found(api: Api) -> None:
    for path in (f"/notes/{2**63}/", f"/objects/hostname/{10**30}/", f"/roles/{2**63}/", f"/roles/{2**40}/"):
        assert api("admin").get(path).status_code == 404, path


def test_what_belongs_to_others_is_not_found(api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.globex)
    assert api("admin").get(f"/tasks/{task.uuid}/").status_code == 404
    assert api("admin").post(f"/objects/hostname/?task_id={task.uuid}", {"name": "a.example"}).status_code == 404


def test_without_a_token_nobody_learns_anything(api: Api) -> None:
    program = api()
    for token in ("", "nonsense", "tok_1_nonsense", program.token + "x"):
        program.token = token
        answer = program.get("/tasks/")
        assert (answer.status_code, answer.json["title"]) == (401, "Sign in to continue")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_in_the_other_header_is_taken(api: Api) -> None:
    program = api()
    assert program.client.get("/api/v1/me/", headers={"X-API-Key": program.token}).json["kind"] == "token"


def test_a_method_that_is_not_there_is_told_as_a_problem(api: Api) -> None:
    answer = api().put("/tasks/", {})
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert "GET" in answer.headers["Allow"]


def test_too_many_requests_are_told_when_to_come_again(api: Api) -> None:
    program = api()
    answers = [program.get("/me/") for _ in range(601)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert answers[-1].status_code == 429 and 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert api().get("/me/").status_code == 200  # another token
