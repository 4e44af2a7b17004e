"""The API told: as OpenAPI for programs, as a page for people. Neither needs anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template, request

from webapp.access.guards import public
from webapp.rest import openapi
from webapp.rest.section import Call, sections
from webapp.rest.values import Many, Named, OneOf, Shape, Value

bp = Blueprint("documents", __name__)


@bp.get("/openapi.json")
@public
def document() -> Response:
    return jsonify(openapi.document(sections(), request.host_url.rstrip("/")))


@bp.get("/docs")
@public
def reference() -> str:
    return render_template(
        "rest/docs.html", sections=sections(), prefix=openapi.PREFIX, host=request.host_url.rstrip("/"),
        refusals=openapi.REFUSALS, refused=openapi.refusals, headers=openapi.headers, rows=rows, kind=kind, example=example,
    )  # fmt: skip


def rows(value: Value | None, before: str = "") -> Iterator[tuple[str, Value]]:
    """The fields of a body or an answer, those of objects within it by their paths."""
    if isinstance(value, Shape):
        for name, field in value.fields.items():
            yield before + name, field
            inner = field.of if isinstance(field, Many) else field
            if isinstance(inner, Shape):
                yield from rows(inner, f"{before}{name}{'[]' if isinstance(field, Many) else ''}.")


def kind(value: Value) -> str:
    """The type in a word or two."""
    if isinstance(value, Many):
        return f"list of {kind(value.of)}" if kind(value.of) != "anything" else "list"
    if isinstance(value, OneOf):
        return " or ".join(kind(each) for each in value.of)
    if isinstance(value, Shape):
        return value.name or "object"
    if isinstance(value, Named):
        return "object"
    told = value.type()
    return told.get("format") or told.get("type") or "anything"


def example(call: Call, host: str) -> str:
    """The call as a line for a shell."""
    words = [f'curl{"" if call.method == "GET" else f" -X {call.method}"} -H "Authorization: Bearer $MUSTER_TOKEN"']
    if call.body:
        words.append(f"-H 'Content-Type: application/json' -d '{_sample(call.body)}'")
    if call.form:
        words.append("-F file=@scan.xml")
    words.append(host + openapi.PREFIX + call.path)
    return " \\\n  ".join(words)


def _sample(body: Shape) -> str:
    given = {name: _value(value) for name, value in body.fields.items() if value.required}
    return current_app.json.dumps(given)


def _value(value: Value) -> Any:
    if value.example is not None:
        return value.example
    if isinstance(value, Many):
        return [_value(value.of)]
    if isinstance(value, Shape):
        return {name: _value(field) for name, field in value.fields.items() if field.required}
    told = value.type()
    if "enum" in told:
        return told["enum"][0]
    return {"integer": told.get("minimum", 1), "boolean": True, "object": {}}.get(told.get("type", ""), "…")
