"""The audit log: a list to filter and page through, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from webapp import clock, htmx, polling
from webapp.access import queries
from webapp.access.forms import AuditForm
from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.errors import Problem

bp = Blueprint("audit", __name__, url_prefix="/admin/audit")

PER = 50
EXPORTED = 100_000
COLUMNS = ("at", "organization_id", "seq", "actor_kind", "actor", "ip", "action", "object", "before", "after", "hash")


@bp.get("/")
@requires(Permission.AUDIT_READ)
@polling.cached(personal=True)
def index() -> Response:
    form = _form()
    filters = _filters(form)
    rows, older = queries.audit_page(filters, request.args.get("after", type=int), PER, _everything())
    names = {org.id: org.name for org in principal.orgs}
    return htmx.page(
        "access/audit.html", "access/_audit.html", rows=rows, names=names, form=form,
        older=_link(after=older) if older else "", first=_link(), filtered=bool(filters),
    )  # fmt: skip


@bp.get("/export.csv")
@requires(Permission.AUDIT_READ)
def export() -> Response:
    rows, _ = queries.audit_page(_filters(_form()), None, EXPORTED, _everything())
    headers = {"Content-Disposition": "attachment; filename=audit.csv"}
    return Response("".join(_lines(rows)), content_type="text/csv; charset=utf-8", headers=headers)


def _everything() -> bool:
    return principal.superadmin and principal.current_org is None


def _form() -> AuditForm:
    form = AuditForm(request.args)
    if not form.validate():
        raise Problem(422, errors=[{"field": name, "message": found[0]} for name, found in form.errors.items()])
    return form


def _filters(form: AuditForm) -> dict[str, Any]:
    given = {name: field.data for name, field in form._fields.items() if field.data}
    return {name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for name, value in given.items()}


def _link(**more: object) -> str:
    kept = {k: v for k, v in request.args.items() if k != "after" and v} | more
    return f"{request.path}?{urlencode(kept)}"


def _lines(rows: Any) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in COLUMNS])
    yield line.getvalue()


def _cell(value: Any) -> str:
    """A spreadsheet takes a cell with such a start for a formula."""
    text = clock.iso(value) or "" if isinstance(value, datetime) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
