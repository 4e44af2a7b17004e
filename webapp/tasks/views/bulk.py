"""One verb on many tasks: what was chosen, how many that are, how far it is, and what refused."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict

from webapp import clock, htmx, polling
from webapp.access.guards import forbidden, get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db, scope_to
from webapp.errors import Problem
from webapp.language import _
from webapp.security import here
from webapp.tasks import queries, tags
from webapp.tasks.bulk import operations
from webapp.tasks.bulk.models import Operation
from webapp.tasks.bulk.verbs import PAST
from webapp.tasks.lists import filters, rows
from webapp.tasks.lists.address import Address
from webapp.tasks.lists.filters import Filter, FilterError
from webapp.tasks.models import Batch
from webapp.tasks.states import BAD, FINAL, OPEN

bp = Blueprint("bulk", __name__)

NEEDS = {
    "cancel": Permission.TASKS_CANCEL, "retry": Permission.TASKS_CREATE, "retry_failed": Permission.TASKS_CREATE,
    "reschedule": Permission.TASKS_CREATE, "delete": Permission.TASKS_DELETE, "restore": Permission.TASKS_DELETE,
    "tag": Permission.TASKS_NOTES,
}  # fmt: skip
GROWTH = 1.05  # more matches than this, and it is not what was confirmed
SHOWN = 200  # refusals on the page
NOTHING = Filter(batch=("",))  # no batch is called that


@bp.get("/tasks/bulk")
@requires(Permission.TASKS_READ)
def confirm() -> str:
    """Exactly how many match now, and what will happen to them."""
    do, address = request.args.get("do", ""), Address.of(request.args)
    _may(do)
    chosen = _meant(do, address.query)
    total, _ = queries.total(chosen, queries.counts(principal.org_ids_with(NEEDS[do])), queries.ID_CAP)
    total = min(total, queries.ID_CAP)
    return render_template("tasks/confirm.html", do=do, address=address, total=total, past=PAST[_verb(do)])


@bp.post("/tasks/bulk")
@requires()
def bulk() -> Response:
    do = request.form.get("do", "")
    _may(do)
    if request.form.get("scope") == "matching":
        query = request.form.get("query", "")
        found = queries.ids(_meant(do, query))
        if do != "retry_failed" and len(found) > GROWTH * request.form.get("expected", 0, type=int):
            return _grown(do, query, len(found))
    else:
        query, found = None, _narrowed(do, rows.ticked(request.form.getlist("ids"), queries.ID_CAP))
    return _started(do, found, query)


@bp.post("/tasks/batches/<batch_id>/cancel")
@requires(Permission.TASKS_CANCEL)
def cancel_batch(batch_id: str) -> Response:
    return _started("cancel", _of_batch(batch_id, OPEN))


@bp.post("/tasks/batches/<batch_id>/retry-failed")
@requires(Permission.TASKS_CREATE)
def retry_batch(batch_id: str) -> Response:
    return _started("retry", _of_batch(batch_id, BAD))


@bp.post("/tasks/batches/<batch_id>/delete")
@requires(Permission.TASKS_DELETE)
def delete_batch(batch_id: str) -> Response:
    return _started("delete", _of_batch(batch_id, FINAL))


@bp.get("/operations/<operation_id>")
@requires(Permission.TASKS_READ)
@polling.cached
def show(operation_id: str) -> Response:
    operation = get_or_404(Operation, uuid=operation_id)
    refused = operations.refusals(operation, SHOWN)
    named = queries.by_uuids(uuid for uuid, _ in refused)
    return htmx.page("tasks/operation.html", "tasks/_operation.html", operation=operation, past=PAST[operation.do],
                     refused=[(uuid, named.get(uuid), reason) for uuid, reason in refused])  # fmt: skip


@bp.post("/operations/<operation_id>/undo")
@requires(Permission.TASKS_DELETE)
def undo(operation_id: str) -> Response:
    operation = get_or_404(Operation, uuid=operation_id)
    return _told([operations.undo(operation, principal.actor, clock.now())])


def _may(do: str) -> None:
    """From here on only the organisations are seen in which this principal may do this."""
    if do not in NEEDS:
        raise Problem(422, errors=[{"field": "do", "message": _("Choose what to do with the tasks")}])
    able = principal.org_ids_with(NEEDS[do])
    if not able:
        raise forbidden(NEEDS[do])
    scope_to(able)


def _verb(do: str) -> str:
    return "retry" if do == "retry_failed" else do


def _meant(do: str, query: str) -> Filter:
    """What an act on all that match acts on."""
    try:
        chosen = filters.parse(MultiDict(parse_qsl(query)), clock.now(), principal.person)
    except FilterError as error:
        raise Problem(422, errors=[{"field": "query", "message": error.text}]) from None
    if do != "retry_failed":
        return chosen
    bad = BAD & chosen.statuses if chosen.status else BAD
    return replace(chosen, status=tuple(sorted(bad))) if bad else NOTHING


def _narrowed(do: str, uuids: list[str]) -> list[str]:
    """The failed ones alone, where only these were meant."""
    if do != "retry_failed":
        return uuids
    bad = {uuid for uuid, task in queries.by_uuids(uuids).items() if task.status in BAD and task.latest}
    return [uuid for uuid in uuids if uuid in bad]


def _of_batch(batch_id: str, statuses: frozenset[str]) -> list[str]:
    batch = get_or_404(Batch, uuid=batch_id)
    found = queries.by_uuids(rows.of_batch(batch, queries.ID_CAP))
    return [uuid for uuid, task in found.items() if task.status in statuses]


def _started(do: str, found: list[str], query: str | None = None) -> Response:
    if do == "tag" and not 1 <= len(_tag()) <= tags.LONGEST:
        return htmx.refused(_("Enter a tag of at most %(longest)s letters", longest=tags.LONGEST), here(), status=400)
    if not found:
        text = _("None of these tasks failed") if do == "retry_failed" else _("Nothing is selected")
        return htmx.refused(text, here(), refresh="tasks")
    whose: dict[int, list[str]] = {}
    known = rows.organizations(found)
    for uuid in found:
        if uuid in known:
            whose.setdefault(known[uuid], []).append(uuid)
    if not whose:
        return htmx.refused(_("There is no such task. It may have been deleted"), here(), refresh="tasks")
    now = clock.now()
    return _told([
        operations.start(_verb(do), uuids, organization_id, principal.actor, now, query=query, facts=_facts(do))
        for organization_id, uuids in whose.items()
    ])  # fmt: skip


def _facts(do: str) -> dict[str, str]:
    """What else the verb has to know."""
    return {"tag": _tag()} if do == "tag" else {}


def _tag() -> str:
    return " ".join(request.form.get("tag", "").split())


def _told(started: list[Operation]) -> Response:
    """A small one says what it did; a larger one leads to the page that does."""
    db.session.commit()
    first, ended = started[0], all(operation.ended for operation in started)
    there = f"/operations/{first.uuid}"
    text = _words(started)
    if not htmx.wanted():
        flash(text)
        return redirect(there, 303)  # type: ignore[return-value]
    toast: dict[str, object] = {"text": text, "tone": "warning" if any(o.refused for o in started) else "success"}
    if first.do == "delete" and ended and len(started) == 1 and first.done:
        toast["undo"] = {"url": f"{there}/undo"}
    if not ended or any(operation.refused for operation in started):
        toast["href"] = there
    kept = [uuid for operation in started for uuid, _ in operations.refusals(operation, SHOWN)]
    news = {"toast": toast, "list:refresh": {"lists": ["tasks"], "keep": kept}}
    return htmx.vary(htmx.tell(make_response("", 204 if ended else 202), news))


def _words(started: list[Operation]) -> str:
    done, refused = sum(o.done for o in started), sum(o.refused for o in started)
    past, total = PAST[started[0].do], sum(o.total for o in started)
    if not all(operation.ended for operation in started):
        return _("%(total)s tasks are being %(past)s", total=f"{total:,}", past=_(past))
    if not refused:
        return _("%(done)s %(past)s", done=f"{done:,}", past=_(past))
    reasons = operations.refusals(next(o for o in started if o.refused), 1)
    return _(
        "%(done)s %(past)s, %(refused)s not: %(reason)s",
        done=f"{done:,}", past=_(past), refused=f"{refused:,}", reason=_(reasons[0][1]),
    )  # fmt: skip


def _grown(do: str, query: str, total: int) -> Response:
    """Not what was confirmed: it has to be confirmed with the true number."""
    there = Address.of(MultiDict(parse_qsl(query))).url("/tasks/bulk", do=do, **_facts(do))
    text = _("Now %(total)s match. Confirm again", total=f"{total:,}")
    if not htmx.wanted():
        flash(text, "warning")
        return redirect(there, 303)  # type: ignore[return-value]
    news = {"toast": {"text": text, "tone": "warning", "href": there, "label": _("Confirm")}}
    return htmx.vary(htmx.tell(make_response("", 409), news | {"list:refresh": {"lists": ["tasks"]}}))
