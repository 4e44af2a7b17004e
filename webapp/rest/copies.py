"""What a list shows, as a program would ask for it: fetched when somebody opens the ⋯ menu beside its filters."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from flask import Blueprint, Response, redirect, render_template, request

from webapp import htmx
from webapp.access.guards import requires
from webapp.rest.openapi import PREFIX
from webapp.security import here

bp = Blueprint("copies", __name__)

Asked = Mapping[str, list[str]]


@dataclass(frozen=True)
class Twin:
    """A list of the API, which of the page's filters it has, and how the command line says these (a flag ends in "!")."""

    path: str
    filters: tuple[str, ...] = ("q",)
    command: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def url(self, asked: Asked) -> str:
        path = self.path.format(type=quote(asked.get("type", ["all"])[0], safe=""))
        query = urlencode([(name, _zoned(name, value)) for name, value in self._pairs(asked)], safe=":,*/|@")
        return f"{PREFIX}/{path}/{'?' if query else ''}{query}"

    def line(self, asked: Asked) -> str:
        """Nothing where the command has no such list, or cannot say one of the filters."""
        pairs = self._pairs(asked)
        if not self.command or any(name not in self.options for name, _ in pairs):
            return ""
        return shlex.join(["muster", self.command, *(word for pair in pairs for word in self._said(*pair))])

    def _pairs(self, asked: Asked) -> list[tuple[str, str]]:
        return [(name, value) for name in self.filters for value in asked.get(name, [])]

    def _said(self, name: str, value: str) -> Iterable[str]:
        option = self.options[name]
        return [option[:-1]] if option.endswith("!") else [option, value]


SCHEDULES = Twin("schedules", ("q", "status", "type", "calendar", "owner", "plugin", "missed"), "schedules",
                 {"q": "-q", "status": "-s"})  # fmt: skip
TWINS = {
    "/agents": Twin("agents", ("q", "presence", "state", "tag", "match", "os", "arch", "version", "instance"), "agents",
                    {"q": "-q", "presence": "-p", "state": "-s", "tag": "-t"}),
    "/tasks/schedules": SCHEDULES,
    "/tasks/schedules/month": SCHEDULES,
    "/plugins": Twin("plugins", command="plugins", options={"q": "-q"}),
    "/library": Twin("tests", ("q", "retired"), "tests", {"q": "-q", "retired": "--retired!"}),
    "/objects": Twin("objects/{type}"),
    "/object-sets": Twin("object-sets", command="object-sets", options={"q": "-q"}),
    "/files": Twin("files", ("q", "type", "plugin", "task")),
    "/calendars": Twin("calendars", command="calendars", options={"q": "-q"}),
    "/admin/users": Twin("users"),
    "/admin/roles": Twin("roles"),
    "/admin/organizations": Twin("organizations"),
    "/admin/audit": Twin("audit", ("q", "actor", "action", "since", "until")),
}  # fmt: skip


@bp.get("/copies")
@requires()
def show() -> Response | str:
    page = urlsplit(here())
    twin = TWINS.get(page.path.rstrip("/"))
    if not htmx.wanted() or twin is None:
        return redirect("/" if page.path == request.path else here())  # type: ignore[return-value]
    asked = parse_qs(page.query)
    url = request.host_url.rstrip("/") + twin.url(asked)
    return render_template("rest/copies.html", url=url, line=twin.line(asked))


def _zoned(name: str, value: str) -> str:
    """The times of a form are UTC without saying so."""
    return f"{value}Z" if name in ("since", "until") else value
