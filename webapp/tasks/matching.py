"""A filter as conditions on tasks, and how to ask so that each statement reads one index in its own order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from webapp.access.models import Organization
from webapp.agents.models import Agent, AgentTag
from webapp.db import Scope, db, dialect
from webapp.tasks.filters import Filter
from webapp.tasks.models import Batch, Task
from webapp.tasks.search import matching_words

Condition = sa.ColumnElement[bool]

MOST_PARTS = 40  # statements for one page of a list
FEW = 5_000  # tasks since a moment, for which the index by time is the shortest way


def in_order(chosen: Filter) -> list[list[Condition]]:
    """One statement for each organisation and status: each reads its index newest first, where IN would read all and sort."""
    scope: Scope | None = db.session().info.get("scope")
    organizations = sorted(scope.reading) if scope and not scope.everything else []
    whose = [[Task.organization_id == each] for each in organizations] or [[]]
    states = [[Task.status == status] for status in sorted(chosen.statuses)] if chosen.status else [[]]
    conditions = where(chosen, by_time=chosen.since is None or _few(chosen))
    if len(whose) * len(states) > MOST_PARTS:
        return [conditions]
    return [[*one, *other, *conditions] for one, other in product(whose, states)]


def where(chosen: Filter, *, by_time: bool = True) -> list[Condition]:
    """The conditions on tasks; status is among them too, so that any statement may use these alone.

    Not `by_time`: the moments are hidden from the planner, which would rather sort a million rows by batch.
    """
    found: list[Condition] = [Task.deleted_at.is_(None)]
    if chosen.status:
        found.append(Task.status.in_(chosen.statuses))
    for name, column in (("type", Task.type), ("plugin", Task.plugin_id), ("trigger", Task.trigger), ("reason", Task.reason),
                         ("outcome", Task.outcome), ("by", Task.created_by), ("limit", Task.limit_name)):  # fmt: skip
        if values := getattr(chosen, name):
            found.append(_one_of(column, values))
    for name, column in (
        ("definition", Task.definition_id),
        ("group", Task.group_run_id),
        ("schedule", Task.schedule_id),
    ):
        if values := getattr(chosen, name):
            found.append(column.in_([int(v) for v in values if v.isdecimal() and len(v) < 18]))
    if chosen.agent:
        found.append(_agents(chosen.agent))
    if chosen.owner:
        found.append(sa.or_(*(_owner(owner) for owner in chosen.owner)))
    if chosen.org:
        found.append(Task.organization_id.in_(sa.select(Organization.id).where(Organization.slug.in_(chosen.org))))
    if chosen.batch:
        found.append(Task.batch_id.in_(sa.select(Batch.id).where(Batch.uuid.in_(chosen.batch))))
    found += [_tagged(tag) for tag in chosen.tag]
    created = Task.created_at if by_time else sa.func.coalesce(Task.created_at, Task.created_at)
    if chosen.since:
        found.append(created >= chosen.since)
    if chosen.until:
        # A task is never older than its batch.
        found += [created < chosen.until, Task.batch_id <= _last_batch(chosen)]
    if chosen.notes:
        found.append(Task.note_count > 0)
    if chosen.words or chosen.log:
        found.append(matching_words(chosen.words, chosen.log))
    return found


def _few(chosen: Filter) -> bool:
    some = sa.select(Task.id).where(Task.created_at >= chosen.since).limit(FEW).subquery()
    return (db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0) < FEW


def _last_batch(chosen: Filter) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.max(Batch.id)).where(Batch.created_at < chosen.until).scalar_subquery()


def _one_of(column: Any, values: Sequence[str]) -> Condition:
    """`web-*` is a beginning; anything else is exact."""
    exact = [value for value in values if "*" not in value]
    patterns = [column.like(_like(value), escape="\\") for value in values if "*" in value]
    return sa.or_(*([column.in_(exact)] if exact else []), *patterns)


def _like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")


def _agents(names: Sequence[str]) -> Condition:
    """Through the agents' own ids, since these are indexed on tasks."""
    known = sa.select(Agent.id).where(sa.or_(_one_of(Agent.hostname, names), Agent.uuid.in_(names)))
    return Task.agent_id.in_(known)


def _owner(owner: str) -> Condition:
    word = owner.lower()
    if word in ("all", "anyone", "tags"):
        return Task.owner == word
    return sa.or_(Task.agent_name == owner, Task.created_by == owner)


def _tagged(tag: str) -> Condition:
    """On the task itself, or on the agent that runs it."""
    return sa.or_(_holds(Task.tags, tag), Task.agent_id.in_(sa.select(AgentTag.agent_id).where(AgentTag.tag == tag)))


def _holds(column: Any, word: str) -> Condition:
    if dialect() == "postgresql":
        return sa.type_coerce(column, JSONB).contains([word])
    each = sa.func.json_each(column).table_valued("value")
    return sa.exists(sa.select(sa.literal(1)).select_from(each).where(each.c.value == word))
