"""The calls of one noun, said once: routing, rights, checks, the OpenAPI document and the reference page follow.

    section = Section("notes", "Notes", "What people write about a task.")

    @section.post("/tasks/<task_id>/notes/", needs=(P.TASKS_NOTES,), body=NEW_NOTE, answer=NOTE, status=201)
    def create(task_id: str) -> Json:
        '''Write a note.'''                     # first line: its title; the rest: what a reader should know

A view loads, checks and calls one verb, and returns a dict, an `Answer` or nothing (204). It asks for `body()` and
`asked()` (webapp/rest/reading.py) when it needs them: first what may be seen, then what was sent. It does not commit:
a call that changes something commits once its view has returned, together with its Idempotency-Key.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from importlib import import_module
from typing import Any, NamedTuple

from flask import Blueprint, Response, g, jsonify, request

from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.db import db
from webapp.rest import SECTIONS, idempotency
from webapp.rest.etags import etag
from webapp.rest.reading import check_address
from webapp.rest.values import Json, Shape, Value

View = Callable[..., Any]


class Answer(NamedTuple):
    """A body with more to say: another status, headers."""

    body: Json | None
    status: int | None = None
    headers: Mapping[str, str] = {}


@dataclass(frozen=True)
class Call:
    """One call, as the documents tell it. `answer` is JSON; `media` names another type of content."""

    method: str
    rule: str
    view: View
    needs: tuple[Permission, ...]
    status: int
    body: Shape | None = None
    query: Mapping[str, Value] = field(default_factory=dict)
    answer: Value | None = None
    media: str = ""
    form: Shape | None = None  # multipart/form-data
    superadmin: bool = False
    reading: bool = False  # a POST that changes nothing
    secret: bool = False  # what it answers is shown once, and kept nowhere
    also: str = ""  # what a caller needs beside `needs`, in words

    @property
    def name(self) -> str:
        return self.view.__name__

    @property
    def path(self) -> str:
        """/tasks/{task_id}/cancel"""
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", self.rule)

    @property
    def arguments(self) -> dict[str, str]:
        """The names in its path and their converters."""
        return {name: kind or "string" for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", self.rule)}

    @property
    def title(self) -> str:
        return self._told[0].rstrip(".")

    @property
    def about(self) -> str:
        return self._told[1]

    @property
    def _told(self) -> tuple[str, str]:
        first, _, rest = inspect.cleandoc(self.view.__doc__ or "").partition("\n")
        return first, rest.strip()


class Section:
    def __init__(self, name: str, title: str, about: str = "") -> None:
        self.name, self.title, self.about = name, title, about
        self.bp = Blueprint(name, __name__)
        self.calls: list[Call] = []

    def get(self, rule: str, **facts: Any) -> Callable[[View], View]:
        return self._call("GET", rule, **facts)

    def post(self, rule: str, **facts: Any) -> Callable[[View], View]:
        return self._call("POST", rule, **facts)

    def put(self, rule: str, **facts: Any) -> Callable[[View], View]:
        return self._call("PUT", rule, **facts)

    def delete(self, rule: str, **facts: Any) -> Callable[[View], View]:
        return self._call("DELETE", rule, **{"status": 204} | facts)

    def _call(self, method: str, rule: str, needs: tuple[Permission, ...] = (), status: int = 200, **facts: Any) -> Any:
        def add(view: View) -> View:
            call = Call(method, rule, view, needs, status, **facts)
            self.calls.append(call)
            guarded = requires(*needs, superadmin=call.superadmin, reading=call.reading)(_served(call))
            self.bp.add_url_rule(rule, call.name, guarded, methods=[method])
            return view

        return add


def sections() -> list[Section]:
    return [import_module(f"webapp.rest.{name}").section for name in SECTIONS]


def _served(call: Call) -> View:
    @wraps(call.view)
    def serve(**path: Any) -> Response:
        g.call = call
        g.asked = check_address(call.query, path)
        do = partial(_response, call, path)
        if call.method == "GET" or call.reading:
            return _unless_known(do())
        response = idempotency.once(do, call.secret) if call.method == "POST" else do()
        db.session.commit()
        return response

    return serve


def _response(call: Call, path: Json) -> Response:
    returned = call.view(**path)
    if isinstance(returned, Response):
        return returned
    body, status, headers = returned if isinstance(returned, Answer) else Answer(returned)
    if body is None:
        return Response(status=status or 204, headers=dict(headers))
    response = jsonify(body)
    response.status_code = status or call.status
    response.headers.update(headers)
    if "ETag" not in headers:
        response.set_etag(etag(body))
    return response


def _unless_known(response: Response) -> Response:
    """304 to who has it already."""
    if response.status_code == 200 and response.is_json and request.if_none_match:
        response.make_conditional(request)
    return response
