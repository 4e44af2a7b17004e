"""OpenAPI of what agents call, made from the very dataclasses that both sides read."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, Union

from webapp.config import VERSION
from workers.agent import protocol as p
from workers.agent.protocol import Message

Json = dict[str, Any]
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


class Call(NamedTuple):
    method: str
    path: str
    about: str
    body: type[Message] | str | None  # a message, or the type of raw bytes
    answers: dict[int, type[Message] | str | None]
    refusals: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    public: bool = False


RAW = "application/octet-stream"
TASK = p.BASE + "/tasks/{task_id}"
LEASE = (p.LEASE_SEQ_HEADER, p.LEASE_TOKEN_HEADER)
CALLS = (
    Call("post", p.ENROL, "Exchange an enrolment token for a key", p.EnrolRequest, {201: p.EnrolReply}, (426, 429), public=True),
    Call("post", p.HEARTBEAT, "Say what runs, keep its leases, hear what is wanted", p.HeartbeatRequest, {200: p.HeartbeatReply}, (409,)),
    Call("post", p.CLAIM, "Take queued tasks", p.ClaimRequest, {200: p.ClaimReply, 204: None}, (403, 409, 425, 426, 429)),
    Call("post", TASK + "/status", "Tell of a step", p.StatusRequest, {200: ""}, (404, 409, 425)),
    Call("post", TASK + "/start", "Ask for the permit to execute", p.LeaseRequest, {200: p.StartReply}, (404, 409, 425)),
    Call("post", TASK + "/give_back", "Hand back a task that was not started", p.LeaseRequest, {200: ""}, (404, 409, 425)),
    Call("patch", TASK + "/log", "Send output from an offset on", RAW, {202: None}, (404, 409, 413, 416, 425),
         headers=(*LEASE, "Content-Range", p.CHUNK_CRC_HEADER), query=("stream",)),
    Call("put", TASK + "/artifacts/{number}", "Leave a file", RAW, {201: ""}, (404, 409, 413, 425), headers=(*LEASE, p.SHA256_HEADER),
         query=("name", "type")),
    Call("put", TASK + "/result", "Tell how it ended, after all of its output", p.ResultRequest, {200: p.ResultReply}, (404, 409, 412, 425)),
    Call("post", TASK + "/fail", "Tell that it never started", p.FailRequest, {200: ""}, (404, 409, 425)),
    Call("post", TASK + "/cancelled", "Tell that it was stopped as asked", p.CancelledRequest, {200: ""}, (404, 409, 425)),
    Call("get", p.BASE + "/downloads/{download_id}", "Fetch a build or a package; Range is honoured", None, {200: RAW, 206: RAW}, (404,)),
    Call("post", p.ROTATE, "Ask for the next key", None, {200: p.RotateReply}),
    Call("post", p.UNENROL, "Leave", None, {204: None}),
)  # fmt: skip


@cache
def document() -> Json:
    schemas: dict[str, Json] = {"Refusal": _schema(p.Refusal)}
    paths: dict[str, Json] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Muster agent API", "version": VERSION, "description": inspect.getdoc(p)},
        "security": [{"agent": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"agent": {"type": "http", "scheme": "bearer", "bearerFormat": "agt_<id>_<secret>"}},
        },
    }


def _operation(call: Call, schemas: dict[str, Json]) -> Json:
    path = [_parameter(name, "path") for name in ("task_id", "number", "download_id") if f"{{{name}}}" in call.path]
    given = [_parameter(name, "query") for name in call.query] + [_parameter(name, "header") for name in call.headers]
    refusals = sorted({401, 422, *call.refusals})
    answers = {str(status): _answer(answer, schemas) for status, answer in call.answers.items()}
    answers |= {str(status): _refusal() for status in refusals}
    operation: Json = {"summary": call.about, "parameters": path + given, "responses": answers}
    if call.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(call.body, schemas)}
    return operation | ({"security": []} if call.public else {})


def _answer(answer: type[Message] | str | None, schemas: dict[str, Json]) -> Json:
    if answer is None:
        return {"description": "Done"}
    if answer == "":
        return {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {"description": "Done", "content": _content(answer, schemas)}


def _content(body: type[Message] | str, schemas: dict[str, Json]) -> Json:
    if isinstance(body, str):
        return {body: {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": _reference(body, schemas)}}


def _refusal() -> Json:
    schema = {"$ref": "#/components/schemas/Refusal"}
    return {"description": "Refused; `code` says why", "content": {"application/problem+json": {"schema": schema}}}


def _parameter(name: str, place: str) -> Json:
    number = name in ("number", p.LEASE_SEQ_HEADER)
    kind: Json = {"type": "integer"} if number else {"type": "string"}
    if name == "stream":
        kind["enum"] = list(p.STREAMS)
    return {"name": name, "in": place, "required": name != "type", "schema": kind}


def _reference(message: type[Message], schemas: dict[str, Json]) -> Json:
    if message.__name__ not in schemas:
        schemas[message.__name__] = {}  # stands while its own parts are described
        schemas[message.__name__] = _schema(message, schemas)
    return {"$ref": f"#/components/schemas/{message.__name__}"}


def _schema(message: type[Message], schemas: dict[str, Json] | None = None) -> Json:
    fields, hints = dataclasses.fields(message), typing.get_type_hints(message)  # type: ignore[arg-type]
    missing = dataclasses.MISSING
    required = [each.name for each in fields if each.default is missing and each.default_factory is missing]
    known: dict[str, Json] = schemas if schemas is not None else {}
    properties = {each.name: _type(hints[each.name], known) for each in fields}
    return {
        "type": "object",
        "description": inspect.getdoc(message) or "",
        "required": required,
        "properties": properties,
    }


def _type(kind: Any, schemas: dict[str, Json]) -> Json:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {}
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if kind is type(None):
        return {"type": "null"}
    if origin in (Union, UnionType):
        return {"anyOf": [_type(each, schemas) for each in inner]}
    if origin is list:
        return {"type": "array", "items": _type(inner[0], schemas)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type(inner[1], schemas)}
    return _reference(kind, schemas)
