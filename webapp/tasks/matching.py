"""A filter as conditions on tasks, and how to ask so that each statement reads one index in its own order."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from webapp.access.models import Organization
from webapp.agents.models import Agent, AgentTag
from webapp.db import Scope, db, dialect
from webapp.tasks.filters import Filter
from webapp.tasks.models import Batch, Mention, Task
from webapp.tasks.search import matching_words

Condition = sa.ColumnElement[bool]

MOST_PARTS = 40  # statements for one page of a list
FEW = 5_000  # tasks for which their own index is the shortest way; more are met soon enough, newest first
CLOCKS_DIFFER = 1_000  # batches that several servers may have made while their clocks were apart
WITH_TAGS = sa.text("task.tags <> '[]'")


class Part(NamedTuple):
    """One statement's conditions; and whether they leave so few tasks that these are best sorted."""

    conditions: list[Condition]
    few: bool

    @property
    def key(self) -> Any:
        # A sum is in no index. Its zero is written out: PostgreSQL takes two parameters for two expressions.
        return Task.batch_id + sa.literal_column("0") if self.few else Task.batch_id


def in_order(chosen: Filter, *, counting: bool = False) -> list[Part]:
    """One statement for each organisation, status and way to a tag: each reads one index, and no task matches two.

    An IN would read all and sort, and an OR would read everything. Whoever is `counting` needs no order.
    """
    scope: Scope | None = db.session().info.get("scope")
    organizations = sorted(scope.reading) if scope and not scope.everything else []
    ways: list[list[list[Condition]]] = [[[Task.organization_id == each] for each in organizations] or [[]]]
    few = {name: _few(condition) for name, condition in _long_ways(chosen).items()}
    if chosen.status and not any(few.values()):
        ways.append([[Task.status == status] for status in sorted(chosen.statuses)])
    if few.get("tag"):
        ways.append(_ways_to_tag(chosen.tag[0]))
        chosen = replace(chosen, tag=chosen.tag[1:])
    hidden = ["status"] if any(few.values()) else [] if counting else list(few)
    conditions = where(chosen, hidden)
    if prod(map(len, ways)) > MOST_PARTS:
        ways = [[[]]]
    return [Part([each for way in part for each in way] + conditions, any(few.values())) for part in product(*ways)]


def _long_ways(chosen: Filter) -> dict[str, Condition]:
    """Conditions whose index is the shortest way only to few tasks."""
    found: dict[str, Condition] = {}
    if chosen.since:
        found["time"] = Task.created_at >= chosen.since
    if chosen.agent:
        found["agent"] = Task.agent_id.in_(_agents(chosen.agent))
    if chosen.tag:
        found["tag"] = Task.agent_id.in_(_agents_with(chosen.tag[0]))
    if chosen.mentions:
        found["mentions"] = _mentioning(chosen.mentions)
    return found


def _few(condition: Condition) -> bool:
    some = sa.select(Task.id).where(condition).limit(FEW).subquery()
    return (db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0) < FEW


def _ways_to_tag(tag: str) -> list[list[Condition]]:
    """Through the agents that have it, or on the task itself."""
    agents = _agents_with(tag)
    elsewhere = sa.or_(Task.agent_id.is_(None), Task.agent_id.not_in(agents))
    return [[Task.agent_id.in_(agents)], [WITH_TAGS, _holds(Task.tags, tag), elsewhere]]  # type: ignore[list-item]


def where(chosen: Filter, hidden: Container[str] = ()) -> list[Condition]:
    """The conditions on tasks; status is among them too, so that any statement may use these alone.

    What is `hidden` (status, time, agent) the planner cannot look up, so that it takes the way that is shorter here.
    """
    found: list[Condition] = [Task.deleted_at.is_(None)]
    if chosen.status:
        found.append(_column(Task.status, "status" in hidden).in_(chosen.statuses))
    for name, column in (("type", Task.type), ("plugin", Task.plugin_id), ("trigger", Task.trigger), ("reason", Task.reason),
                         ("outcome", Task.outcome), ("by", Task.created_by), ("limit", Task.limit_name)):  # fmt: skip
        if values := getattr(chosen, name):
            found.append(_one_of(column, values))
    for name, number in (
        ("definition", Task.definition_id),
        ("group", Task.group_run_id),
        ("schedule", Task.schedule_id),
    ):
        if values := getattr(chosen, name):
            found.append(number.in_([int(v) for v in values if v.isdecimal() and len(v) < 10]))
    if chosen.agent:
        found.append(_column(Task.agent_id, "agent" in hidden).in_(_agents(chosen.agent)))
    if chosen.mentions:
        found.append(_mentioning(chosen.mentions))
    if chosen.owner:
        found.append(sa.or_(*(_owner(owner) for owner in chosen.owner)))
    if chosen.org:
        found.append(Task.organization_id.in_(sa.select(Organization.id).where(Organization.slug.in_(chosen.org))))
    if chosen.batch:
        found.append(Task.batch_id.in_(sa.select(Batch.id).where(Batch.uuid.in_(chosen.batch))))
    found += [_tagged(tag) for tag in chosen.tag]
    created = _column(Task.created_at, "time" in hidden)
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


def _column(column: Any, hidden: bool) -> Any:
    return sa.func.coalesce(column, column) if hidden else column


def _last_batch(chosen: Filter) -> sa.ScalarSelect[int]:
    last = sa.select(Batch.id + CLOCKS_DIFFER).where(Batch.created_at < chosen.until)
    return last.order_by(Batch.created_at.desc()).limit(1).scalar_subquery()


def _one_of(column: Any, values: Sequence[str]) -> Condition:
    """`web-*` is a beginning; anything else is exact."""
    exact = [value for value in values if "*" not in value]
    patterns = [column.like(_like(value), escape="\\") for value in values if "*" in value]
    return sa.or_(*([column.in_(exact)] if exact else []), *patterns)


def _like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")


def _agents(names: Sequence[str]) -> sa.Select[Any]:
    """By their own ids, since these are indexed on tasks."""
    return sa.select(Agent.id).where(sa.or_(_one_of(Agent.hostname, names), Agent.uuid.in_(names)))


def _agents_with(tag: str) -> sa.Select[Any]:
    return sa.select(AgentTag.agent_id).where(AgentTag.tag == tag)


def _mentioning(names: Sequence[str]) -> Condition:
    return Task.id.in_(sa.select(Mention.task_id).where(Mention.username.in_([name.lower() for name in names])))


def _owner(owner: str) -> Condition:
    word = owner.lower()
    if word in ("all", "anyone", "tags"):
        return Task.owner == word
    return sa.or_(Task.agent_name == owner, Task.created_by == owner)


def _tagged(tag: str) -> Condition:
    """On the task itself, or on the agent that runs it."""
    return sa.or_(_holds(Task.tags, tag), Task.agent_id.in_(_agents_with(tag)))


def _holds(column: Any, word: str) -> Condition:
    if dialect() == "postgresql":
        return sa.type_coerce(column, JSONB).contains([word])
    each = sa.func.json_each(column).table_valued("value")
    return sa.exists(sa.select(sa.literal(1)).select_from(each).where(each.c.value == word))
