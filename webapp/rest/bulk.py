"""One verb on many tasks: named ones, or all that a filter selects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from webapp import clock
from webapp.access.guards import forbidden
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.db import db, scope_to, writing_to
from webapp.errors import Problem
from webapp.objects.values import FieldErrors
from webapp.rest.reading import body
from webapp.rest.section import Section
from webapp.rest.shapes import answered
from webapp.rest.tasks import FILTERS
from webapp.rest.values import Json, Many, Named, Shape, Text, Whole
from webapp.tasks import queries
from webapp.tasks.bulk import verbs
from webapp.tasks.lists import filters, rows

section = Section("bulk", "Many tasks at once")

NEEDS = {"cancel": P.TASKS_CANCEL, "delete": P.TASKS_DELETE, "retry": P.TASKS_CREATE, "reschedule": P.TASKS_CREATE}
BITE = 200  # tasks in one transaction: a longer one would keep everybody else from writing
MANY = Shape(name="ManyTasks", fields={
    "do": Text(choices=tuple(NEEDS), required=True),
    "ids": Many(of=Text(), most=10_000, about="These tasks, by their whole ids."),
    "filter": Named(about="Or all that match: names and values as in the query string of the list; a list means any of them."),
    "expected": Whole(about="With `filter`: how many that are, so that nobody is surprised. `GET /tasks/count` tells."),
})  # fmt: skip
DONE = answered(
    "Done",
    done=Whole(about="How many were changed."),
    refused=Many(of=answered("", id=Text(), reason=Text()), about="Which were not, and why."),
)


@section.post("/tasks/bulk", body=MANY, answer=DONE, also="the permission of the verb")
def act() -> Json:
    """Act on many tasks.

    Each by itself: one that cannot change stops no other. With a filter that selects another number than `expected`
    it changes nothing and answers 409 with `matches`.
    """
    order = body()
    permission = NEEDS[order["do"]]
    able = principal.org_ids_with(permission)
    if not able:
        raise forbidden(permission)
    scope_to(able)
    done, refused = 0, []
    for organization_id, ids in _by_organization(_ids(order)):
        answer = _act(order["do"], ids, organization_id)
        done += len(answer.done)
        refused += [{"id": uuid, "reason": reason} for uuid, reason in answer.refused]
    return {"done": done, "refused": refused}


def _ids(order: Json) -> Sequence[str]:
    if ("ids" in order) == ("filter" in order):
        raise FieldErrors([{"field": "ids", "message": "Send either ids or a filter"}])
    if "ids" in order:
        return list(dict.fromkeys(uuid.lower() for uuid in order["ids"]))
    if "expected" not in order:
        raise FieldErrors([{"field": "expected", "message": "Enter how many tasks the filter selects"}])
    found = queries.ids(filters.parse(_query(order["filter"]), clock.now(), principal.person))
    if len(found) != order["expected"]:
        text = (
            f"The filter selects {len(found):,} tasks now, not {order['expected']:,}. Look at them, then send it again"
        )
        raise Problem(409, text, reason="expected", matches=len(found))
    return found


def _query(given: dict[str, Any]) -> MultiDict[str, str]:
    errors = [
        {"field": f"filter.{name[:80]}", "message": f'Unknown filter "{name[:80]}"'}
        for name in given
        if name not in FILTERS
    ]
    pairs = []
    for name, value in given.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, bool) or not isinstance(each, str | int):
                errors.append({"field": f"filter.{name[:80]}", "message": "Enter text, or a list of texts"})
                break
            pairs.append((name, str(each)))
    if errors:
        raise FieldErrors(errors[:20])
    return MultiDict(pairs)


def _by_organization(ids: Sequence[str]) -> Iterator[tuple[int | None, list[str]]]:
    """In bites of one organisation each; None for those that are nobody's whose tasks may be changed."""
    whose = rows.organizations(ids)
    groups: dict[int | None, list[str]] = {}
    for uuid in ids:
        groups.setdefault(whose.get(uuid), []).append(uuid)
    for organization_id, group in groups.items():
        for begin in range(0, len(group), BITE):
            yield organization_id, group[begin : begin + BITE]


def _act(do: str, ids: list[str], organization_id: int | None) -> verbs.Answer:
    if organization_id is None:
        return verbs.Answer(do, refused=[(uuid, "There is no such task") for uuid in ids])
    with writing_to(organization_id):
        answer = verbs.act(do, ids, principal.actor, clock.now())
        db.session.commit()
    return answer
