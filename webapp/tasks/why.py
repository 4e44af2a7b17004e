"""Why is this waiting? Reasons, each with a code for programs, words for people and a link to what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from webapp.agents import queries as agents
from webapp.agents.models import Agent
from webapp.agents.states import Presence
from webapp.db import db
from webapp.language import _, ngettext
from webapp.tasks import states, targets
from webapp.tasks.models import Edge, Limit, Task
from webapp.tasks.spec import ANYONE, parse_target
from webapp.tasks.states import Status

COUNTED_UP_TO = 1_000


@dataclass(frozen=True)
class Why:
    code: str
    text: str
    href: str | None = None
    at: datetime | None = None


def why(task: Task, now: datetime, workers_alive: int | None = None) -> list[Why]:
    """Empty for a task that runs or has ended. The first reason is the one that decides."""
    if task.status == Status.SCHEDULED:
        return [_not_due(task)]
    if task.status == Status.BLOCKED:
        return [_parents(task)]
    if task.status != Status.PENDING:
        return []
    found = [*_limit(task), *(_worker(task, workers_alive) if task.executor == "worker" else _agents(task, now))]
    return found or [Why("starting", _("It starts as soon as its executor asks for work"))]


def _not_due(task: Task) -> Why:
    if task.retry_number:
        return Why(
            "retry_delay",
            _(
                "Retry %(retry_number)s of %(max_retries)s waits for its delay",
                retry_number=task.retry_number,
                max_retries=task.max_retries,
            ),
            at=task.not_before,
        )
    return Why("not_due", _("It is not due yet"), at=task.not_before)


def _parents(task: Task) -> Why:
    left = task.pending_parents
    parent = db.session.scalar(
        sa.select(Task)
        .join(Edge, Edge.parent_id == Task.id)
        .where(Edge.child_id == task.id, Edge.consumed_at.is_(None))
        .limit(1)
    )
    unmet = db.session.scalar(sa.select(Edge.id).where(Edge.child_id == task.id, Edge.met.is_(False)).limit(1))
    text = ngettext("%(num)s parent unfinished", "%(num)s parents unfinished", left)
    if unmet and parent is None:
        text = _("A parent did not end as this task needs")
    return Why("parents", text, f"/tasks/{parent.uuid}" if parent else None)


def _limit(task: Task) -> list[Why]:
    if not task.limit_name:
        return []
    limit = db.session.scalar(
        sa.select(Limit).where(Limit.organization_id == task.organization_id, Limit.name == task.limit_name)
    )
    if limit is None:
        return []
    held = (
        db.session.scalar(
            sa.select(sa.func.count())
            .select_from(Task)
            .where(
                Task.organization_id == task.organization_id,
                Task.limit_name == task.limit_name,
                Task.status.in_(states.LEASED),
            )
        )
        or 0
    )
    if held < limit.maximum:
        return []
    return [
        Why(
            "limit",
            _(
                "The limit %(name)s allows %(maximum)s at once, and %(held)s run",
                name=limit.name,
                maximum=limit.maximum,
                held=held,
            ),
            f"/tasks?q=limit:{limit.name}",
        )
    ]


def _worker(task: Task, alive: int | None) -> list[Why]:
    if alive == 0:
        return [Why("no_worker", _("No worker is alive"), "/admin/system")]
    return _queue(task, Task.executor == "worker")


def _queue(task: Task, where: sa.ColumnElement[bool]) -> list[Why]:
    earlier = sa.or_(Task.priority > task.priority, sa.and_(Task.priority == task.priority, Task.id < task.id))
    before = sa.select(Task.id).where(Task.status == Status.PENDING, where, earlier).limit(COUNTED_UP_TO)
    count = db.session.scalar(sa.select(sa.func.count()).select_from(before.subquery())) or 0
    if count == 0:
        return []
    text = ngettext("The queue has %(num)s task before it", "The queue has %(num)s tasks before it", count)
    if count == COUNTED_UP_TO:
        text = _("The queue has more than %(count)s tasks before it", count=COUNTED_UP_TO - 1)
    return [Why("queue", text, "/tasks?status=pending")]


def _agents(task: Task, now: datetime) -> list[Why]:
    if task.agent_id:
        agent = db.session.get(Agent, task.agent_id)
        return _one_agent(task, agent, now) if agent else []
    if task.owner == ANYONE:
        found = list(agents.online(now, task.organization_id))
        none = _("No agent is online")
    else:
        target = parse_target(task.target)
        found = targets.matching(target, task.organization_id, now)
        all_of_them = target.kind == "all"
        none = _("No agent is online") if all_of_them else _("No agent matches %(target)s now", target=_words(task))
    if not found:
        return [Why("no_agent", none, "/agents")]
    fits, reasons = targets.capable(task.type, task.data, found)
    return [] if fits else [Why("no_capable_agent", reason, "/agents") for reason in reasons[:3]]


def _words(task: Task) -> str:
    target = parse_target(task.target)
    if target.kind == "tags":
        joined = (_(" and ") if target.match == "all" else _(" or ")).join(target.names)
        return ngettext("tag %(names)s", "tags %(names)s", len(target.names), names=joined)
    return _("user %(name)s", name=target.names[0]) if target.names else _("the target")


def _one_agent(task: Task, agent: Agent, now: datetime) -> list[Why]:
    href = f"/agents/{agent.uuid}"
    if agent.unapproved:
        text = _("%(hostname)s waits for approval by an admin", hostname=agent.hostname)
        return [Why("agent_unapproved", text, href)]
    if not agent.active:
        return [
            Why(
                "agent_inactive",
                _("%(hostname)s is %(state)s", hostname=agent.hostname, state=_(agent.looks.label).lower()),
                href,
            )
        ]
    presence = agent.presence(now)
    if presence == Presence.NEVER:
        return [Why("agent_never_seen", _("%(hostname)s has not reported yet", hostname=agent.hostname), href)]
    if presence != Presence.ONLINE:
        return [
            Why("agent_offline", _("%(hostname)s is offline", hostname=agent.hostname), href, at=agent.last_seen_at)
        ]
    if agent.spooled:
        return [
            Why(
                "agent_spool",
                _(
                    "%(hostname)s hands in %(spooled)s kept results first",
                    hostname=agent.hostname,
                    spooled=agent.spooled,
                ),
                href,
            )
        ]
    if agent.running >= agent.capacity:
        return [
            Why(
                "agent_busy",
                _(
                    "%(hostname)s already runs %(running)s of %(capacity)s",
                    hostname=agent.hostname,
                    running=agent.running,
                    capacity=agent.capacity,
                ),
                href,
            )
        ]
    return _queue(task, Task.agent_id == agent.id)
