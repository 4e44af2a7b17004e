"""The OpenAPI 3.1 document, made of the sections: it cannot tell of a call that is not there, or forget one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from webapp.config import VERSION
from webapp.rest.section import Call, Section
from webapp.rest.values import Json, Many, Shape, Text, Value, Whole

PREFIX = "/api/v1"
ABOUT = """Everything that the pages can do, for programs. JSON in and out, times in UTC with `Z`.

A POST with an `Idempotency-Key` is done once, however often it is sent. A list answers `{"items", "next"}`: send
`next` as `cursor` for more. What is refused is told as problem+json, with each wrong field by name."""

PROBLEM = Shape(name="Problem", fields={
    "type": Text(required=True),
    "title": Text(required=True),
    "status": Whole(required=True),
    "detail": Text(required=True, about="What happened and what to do."),
    "errors": Many(of=Shape(fields={"field": Text(required=True), "message": Text(required=True)}), about="Which fields, and why."),
    "reason": Text(about="Of a refused verb, for programs."),
    "matches": Whole(about="Of a bulk call: how many the filter selects."),
    "reference": Text(about="Of a failure on the server's side: what its log can be searched for."),
})  # fmt: skip

REFUSALS = {
    400: "The body cannot be read.",
    401: "No token, or one that is not taken.",
    403: "The permission is lacking.",
    404: "There is no such thing in the organizations that can be seen.",
    409: "The verb is refused, or the Idempotency-Key was used for something else.",
    412: "It was changed meanwhile (`If-Match`).",
    413: "The body is too big.",
    415: "The body is of another type.",
    416: "There is no such part.",
    422: "Fields are wrong; `errors` names them.",
    429: "Too many requests; `Retry-After` says when.",
    503: "Not now; `Retry-After` says when.",
}
_HEADERS = {
    "POST": ("Idempotency-Key", "Does it once, however often it is sent. Kept for a day."),
    "PUT": ("If-Match", "The ETag that you have seen: 412 when it has changed."),
    "DELETE": ("If-Match", "The ETag that you have seen: 412 when it has changed."),
}


def document(sections: Sequence[Section], url: str) -> Json:
    paths: Json = {}
    for section in sections:
        for call in section.calls:
            paths.setdefault(call.path, {})[call.method.lower()] = _operation(section, call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Muster", "version": VERSION, "description": ABOUT},
        "servers": [{"url": url + PREFIX}],
        "security": [{"token": []}, {"key": []}],
        "tags": [{"name": section.title, "description": section.about} for section in sections],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
            "schemas": {shape.name: shape.described() for shape in _named(sections)},
            "responses": {str(status): _refusal(about) for status, about in REFUSALS.items()},
        },
    }


def refusals(call: Call) -> list[int]:
    found = [401, 403, 422, 429]
    found += [404] if call.arguments else []
    found += [400, 413, 415] if call.body else []
    found += [413] if call.form else []
    found += [409] if call.method != "GET" and not call.reading else []
    found += [412] if call.method in ("PUT", "DELETE") else []
    found += [416, 503] if call.media == "text/plain" else []
    return sorted(set(found))


def headers(call: Call) -> list[tuple[str, str]]:
    return [_HEADERS[call.method]] if call.method in _HEADERS and not call.reading else []


def _operation(section: Section, call: Call) -> Json:
    needed = [f"`{permission}`" for permission in call.needs] + ([call.also] if call.also else [])
    needed += ["a superadmin"] if call.superadmin else []
    about = [call.about, f"Needs {', '.join(needed)}." if needed else ""]
    answers = {str(call.status): _success(call)} | {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in refusals(call)
    }
    operation: Json = {
        "operationId": f"{section.name}.{call.name}",
        "tags": [section.title],
        "summary": call.title,
        "description": "\n\n".join(part for part in about if part),
        "parameters": list(_parameters(call)),
        "responses": answers,
    }
    if call.body or call.form:
        media = "application/json" if call.body else "multipart/form-data"
        operation["requestBody"] = {"required": True, "content": {media: {"schema": (call.body or call.form).schema()}}}  # type: ignore[union-attr]
    return operation


def _parameters(call: Call) -> Iterator[Json]:
    for name, kind in call.arguments.items():
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if kind == "int" else "string"},
        }
    for name, value in call.query.items():
        yield {"name": name, "in": "query", "description": value.about, "schema": value.schema()}
    for name, about in headers(call):
        yield {"name": name, "in": "header", "description": about, "schema": {"type": "string"}}


def _success(call: Call) -> Json:
    if call.media:
        return {"description": "Its content.", "content": {call.media: {"schema": {"type": "string"}}}}
    if call.answer is None:
        return {"description": "Done."}
    return {
        "description": call.answer.about or "As it is now.",
        "content": {"application/json": {"schema": call.answer.schema()}},
    }


def _refusal(about: str) -> Json:
    return {"description": about, "content": {"application/problem+json": {"schema": PROBLEM.schema()}}}


def _named(sections: Iterable[Section]) -> list[Shape]:
    """Every shape with a name, wherever it stands in a call, once."""
    found: dict[str, Shape] = {PROBLEM.name: PROBLEM}
    waiting: list[Value | None] = [
        each for section in sections for call in section.calls for each in (call.body, call.form, call.answer)
    ]
    while waiting:
        value = waiting.pop()
        if value is None:
            continue
        if isinstance(value, Shape) and value.name:
            found[value.name] = value
        waiting += value.parts()
    return [found[name] for name in sorted(found)]
