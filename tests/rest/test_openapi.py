"""The documents tell what is there, all of it, and what is answered has the form that they tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.rest.conftest import Api
from tests.samples import SAMPLES
from webapp.rest import openapi
from webapp.rest.section import Call, sections
from webapp.rest.values import Many, Named, OneOf, Shape, Value


def calls() -> list[tuple[str, Call]]:
    return [(section.name, call) for section in sections() for call in section.calls]


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for each in part.values():
            yield from refs(each)
    elif isinstance(part, list):
        for each in part:
            yield from refs(each)


def misfits(value: Value, given: Any, path: str = "answer") -> Iterator[str]:
    """Where an answer is not as it was described."""
    if given is None:
        if not value.null:
            yield f"{path} is null"
    elif isinstance(value, Shape):
        yield from (f"{path}.{name} is not told" for name in given.keys() - value.fields.keys())
        for name, field in value.fields.items():
            if name in given:
                yield from misfits(field, given[name], f"{path}.{name}")
            elif field.required:
                yield f"{path}.{name} is missing"
    elif isinstance(value, Many):
        for number, each in enumerate(given):
            yield from misfits(value.of, each, f"{path}.{number}")
    elif isinstance(value, Named):
        for name, each in given.items():
            yield from misfits(value.of, each, f"{path}.{name}") if type(value.of) is not Value else ()
    elif isinstance(value, OneOf):
        found = [list(misfits(kind, given, path)) for kind in value.of]
        yield from min(found, key=len)
    else:
        try:
            value.read(given)
        except ValueError as error:
            yield f"{path}: {error}"


def test_every_route_is_told_and_nothing_else(app: Flask) -> None:
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1")))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.endpoint.startswith("api.documents.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(call.method, call.path) for _, call in calls()}


def test_the_document_holds_together(client: Browser) -> None:
    told = client.get("/api/v1/openapi.json").json
    assert told["openapi"] == "3.1.0" and told["servers"] == [{"url": "http://localhost/api/v1"}]
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for ref in refs(told):
        part: Any = told
        for step in ref.removeprefix("#/").split("/"):
            part = part[step]
    for path, methods in told["paths"].items():
        for operation in methods.values():
            named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"] and "401" in operation["responses"]


def test_every_call_says_what_it_does_and_needs(app: Flask) -> None:
    for section, call in calls():
        assert call.title, f"{section}.{call.name} has no docstring"
        view = app.view_functions[f"api.{section}.{call.name}"]
        assert view.access.permissions == call.needs  # type: ignore[attr-defined]


def test_names_of_shapes_are_unique() -> None:
    told = openapi._named(sections())
    assert len({shape.name for shape in told}) == len(told)


def test_what_is_answered_is_what_is_told(api: Api, session: Session, cast: Cast) -> None:
    program = api("admin")
    for section, call in calls():
        if call.method != "GET" or call.answer is None:
            continue
        path = re.sub(r"{(\w+)}", lambda found: str(SAMPLES[found[1]](cast.acme)), call.path)
        if "token_id" in call.arguments:
            continue
        answer = program.get(path)
        assert answer.status_code == 200, (section, call.name, answer.text)
        assert not list(misfits(call.answer, answer.json)), (section, call.name)


def test_the_reference_page_is_for_everybody(client: Browser) -> None:
    page = client.get("/api/v1/docs").text
    for section, call in calls():
        assert f'id="{section}.{call.name}"' in page and call.path in page
    assert "`" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page), "nothing comes from another host"
    assert client.login("viewer").get("/api/v1/docs/").status_code == 200
