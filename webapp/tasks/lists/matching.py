"""A filter as conditions on tasks, and how to ask so that each statement reads one index in its own order."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from webapp.access.models import Organization
from webapp.agents.models import Agent, AgentTag
from webapp.db import Scope, db, dialect
from webapp.tasks.lists.filters import Filter
from webapp.tasks.lists.search import matching_words
from webapp.tasks.models import Batch, Task
from webapp.tasks.notes.models import Mention
from webapp.tasks.states import EXPLAINED

Condition = sa.ColumnElement[bool]

MOST_PARTS = 40  # statements for one page of a list
FEW = 5_000  # tasks for which their own index is the shortest way; more are met soon enough, newest first
CLOCKS_DIFFER = 1_000  # batches that several servers may have made while their clocks were apart
WITH_TAGS = sa.text("task.tags <> '[]'")
OWNED = sa.text("task.owner <> ''")
LONG = ("time", "agent")  # whose index is the shortest way only to few tasks
EXACT = (
    ("type", Task.type), ("plugin", Task.plugin_id), ("trigger", Task.trigger), ("reason", Task.reason),
    ("outcome", Task.outcome), ("by", Task.created_by), ("limit", Task.limit_name),
)  # fmt: skip


class Part(NamedTuple):
    """One statement's conditions; and whether they leave so few tasks that these are best sorted."""

    conditions: list[Condition]
    few: bool

    @property
    def key(self) -> Any:
        # A sum is in no index. Its zero is written out: PostgreSQL takes two parameters for two expressions.
        return Task.batch_id + sa.literal_column("0") if self.few else Task.batch_id


def in_order(chosen: Filter, *, counting: bool = False) -> list[Part]:
    """One statement for each organisation and status: each reads one index, and no task matches two.

    An IN would read all and sort, and an OR would read everything. Whoever is `counting` needs no order. Where one of
    the filters leaves few tasks, these alone are looked at, and where it leaves none, there is nothing to ask.
    """
    organizations = _organizations(chosen)
    if organizations == []:
        return []
    ways = _ways(chosen)
    numbers = {name: sum(map(_number, conditions)) for name, conditions in ways.items()}
    if not all(numbers.values()):
        return []
    rarest = min(numbers, key=lambda name: numbers[name], default="")
    if rarest and numbers[rarest] < FEW:
        return [Part([rare(Task.id.in_(_ids(ways[rarest]))), *where(chosen)], True)]
    hidden: tuple[str, ...] = () if counting else LONG
    if len(ways) > 1 and chosen.reason and not chosen.status:
        # The index of a status tells type, plugin and agent without a look at the tasks; that of a reason does not.
        chosen, hidden = replace(chosen, status=tuple(sorted(EXPLAINED))), (*hidden, "reason")
    conditions = where(chosen, hidden)
    if [*ways] in [[name] for name, _ in EXACT]:
        conditions += map(rare, ways[rarest])
    split = [[Task.organization_id == each] for each in organizations] if organizations is not None else [[]]
    if chosen.status and len(split) * len(chosen.statuses) <= MOST_PARTS:
        split = [[*each, Task.status == status] for each in split for status in sorted(chosen.statuses)]
    elif len(split) > MOST_PARTS:
        split = [[]]
    return [Part([*each, *conditions], False) for each in split]


def _organizations(chosen: Filter) -> list[int] | None:
    """Which can match; None where all can."""
    scope: Scope | None = db.session().info.get("scope")
    seen = sorted(scope.reading) if scope and not scope.everything else None
    if not chosen.org:
        return seen
    named = sa.select(Organization.id).where(Organization.slug.in_(chosen.org)).order_by(Organization.id)
    return [each for each in db.session.scalars(named) if seen is None or each in seen]


def _ways(chosen: Filter) -> dict[str, list[Condition]]:
    """For each filter that an index answers: conditions of which each reads one, and together they find all that match."""
    found: dict[str, list[Condition]] = {
        name: [column.in_(getattr(chosen, name))] for name, column in EXACT if _plain(getattr(chosen, name))
    }
    if chosen.status:
        found["status"] = [Task.status.in_(chosen.statuses)]
    if chosen.since:
        found["time"] = [Task.created_at >= chosen.since]
    if chosen.agent:
        found["agent"] = [Task.agent_id.in_(_agents(chosen.agent))]
    if chosen.owner:
        found["owner"] = [way for owner in chosen.owner for way in _owner(owner)]
    if chosen.tag:
        found["tag"] = [
            Task.agent_id.in_(_agents_with(chosen.tag[0])),
            sa.and_(WITH_TAGS, _holds(Task.tags, chosen.tag[0])),
        ]
    if chosen.mentions:
        found["mentions"] = [_mentioning(chosen.mentions)]
    return found


def _plain(values: Sequence[str]) -> bool:
    return bool(values) and not any("*" in value for value in values)


def _number(condition: Condition) -> int:
    """How many tasks it leaves, at most so many that they are not few."""
    some = sa.select(Task.id).where(rare(condition)).limit(FEW).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def _ids(conditions: Sequence[Condition]) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    each = [sa.select(Task.id).where(rare(condition)).correlate(None) for condition in conditions]
    return sa.union_all(*each) if len(each) > 1 else each[0]


def rare(condition: Condition) -> Condition:
    """SQLite knows how common a column's values are on average alone. It has to be told that few rows are meant."""
    if dialect() != "sqlite":
        return condition
    return sa.func.likelihood(condition, sa.literal_column("0.0001"))  # type: ignore[return-value]


def where(chosen: Filter, hidden: Container[str] = ()) -> list[Condition]:
    """The conditions on tasks; status is among them too, so that any statement may use these alone.

    What is `hidden` (time, agent, reason) the planner cannot look up, so that it takes the way that is shorter here.
    """
    found: list[Condition] = [Task.deleted_at.is_(None)]
    if chosen.status:
        found.append(Task.status.in_(chosen.statuses))
    for name, column in EXACT:
        if values := getattr(chosen, name):
            found.append(_one_of(_column(column, name in hidden), values))
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
        found.append(sa.or_(*(way for owner in chosen.owner for way in _owner(owner))))
    if chosen.org:
        found.append(_in_organizations(chosen.org))
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


def _owner(owner: str) -> list[Condition]:
    word = owner.lower()
    if word in ("all", "anyone", "tags"):
        return [sa.and_(Task.owner == word, OWNED)]
    return [Task.agent_id.in_(_agents([owner])), Task.created_by == owner]


def _in_organizations(slugs: Sequence[str]) -> Condition:
    return Task.organization_id.in_(sa.select(Organization.id).where(Organization.slug.in_(slugs)))


def _tagged(tag: str) -> Condition:
    """On the task itself, or on the agent that runs it."""
    return sa.or_(_holds(Task.tags, tag), Task.agent_id.in_(_agents_with(tag)))


def _holds(column: Any, word: str) -> Condition:
    if dialect() == "postgresql":
        return sa.type_coerce(column, JSONB).contains([word])
    each = sa.func.json_each(column).table_valued("value")
    return sa.exists(sa.select(sa.literal(1)).select_from(each).where(each.c.value == word))
