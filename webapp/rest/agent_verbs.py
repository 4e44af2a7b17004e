"""What can be done with an agent, and with many at once. A refused verb answers 409 with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from webapp import clock
from webapp.access.guards import forbidden
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.agents import lifecycle, queries
from webapp.agents.models import Agent
from webapp.db import db, scope_to, writing_to
from webapp.errors import Problem
from webapp.objects.values import FieldErrors
from webapp.refusal import Refused
from webapp.rest import agents
from webapp.rest.agents import AGENT, found, told
from webapp.rest.bulk import DONE
from webapp.rest.reading import body
from webapp.rest.section import Answer, Section
from webapp.rest.values import Json, Many, Shape, Text, Whole, read_fields

section = Section(
    "agent_verbs", "Acting on agents", "A refused verb answers 409: `reason` for programs, `detail` for people."
)

REASON = Shape(name="WithReason", fields={"reason": Text(longest=300, shortest=0, about="Why, for those who wonder.")})
VERBS: dict[str, Callable[..., None]] = {
    "approve": lifecycle.approve, "refuse": lifecycle.refuse,
    "pause": lifecycle.pause, "enable": lifecycle.enable, "disable": lifecycle.disable,
    "rotate-key": lifecycle.ask_to_rotate, "update": lifecycle.ask_to_update,
}  # fmt: skip
FILTER = {name: value for name, value in agents.FILTERS.items() if name != "match"} | {
    "match": Text(choices=("any", "all"))
}
MANY = Shape(name="ManyAgents", fields={
    "do": Text(choices=("tag", *VERBS), required=True),
    "add": Many(of=Text(longest=64), about="With `tag`: these come on."),
    "remove": Many(of=Text(longest=64), about="With `tag`: these come off."),
    "ids": Many(of=Text(), most=10_000, about="These agents."),
    "filter": Shape(fields=FILTER, about="Or all that match, as in the query string of the list."),
    "expected": Whole(about="With `filter`: how many that are, so that nobody is surprised."),
})  # fmt: skip


@section.post("/agents/<agent_id>/approve", needs=(P.AGENTS_WRITE,), answer=AGENT)
def approve(agent_id: str) -> Answer:
    """Approve an agent that waits for it. From its next heartbeat on it gets work."""
    return _done(agent_id, lifecycle.approve)


@section.post("/agents/<agent_id>/refuse", needs=(P.AGENTS_WRITE,), body=REASON, answer=AGENT)
def refuse(agent_id: str) -> Answer:
    """Refuse an agent that waits for approval. It leaves every list, and its key opens nothing."""
    return _with_reason(agent_id, lifecycle.refuse)


@section.post("/agents/<agent_id>/pause", needs=(P.AGENTS_WRITE,), body=REASON, answer=AGENT)
def pause(agent_id: str) -> Answer:
    """Pause an agent. It finishes what it runs and takes nothing more; its tasks wait."""
    return _with_reason(agent_id, lifecycle.pause)


@section.post("/agents/<agent_id>/enable", needs=(P.AGENTS_WRITE,), answer=AGENT)
def enable(agent_id: str) -> Answer:
    """Enable an agent, also out of a quarantine."""
    return _done(agent_id, lifecycle.enable)


@section.post("/agents/<agent_id>/disable", needs=(P.AGENTS_WRITE,), body=REASON, answer=AGENT)
def disable(agent_id: str) -> Answer:
    """Disable an agent. It takes nothing more, and neither ALL nor tags mean it."""
    return _with_reason(agent_id, lifecycle.disable)


@section.post("/agents/<agent_id>/rotate-key", needs=(P.AGENTS_WRITE,), answer=AGENT)
def rotate_key(agent_id: str) -> Answer:
    """Have an agent change its key. The old one is good until the new one is used."""
    return _done(agent_id, lifecycle.ask_to_rotate)


@section.post("/agents/<agent_id>/update", needs=(P.AGENTS_WRITE,), answer=AGENT)
def update(agent_id: str) -> Answer:
    """Have an agent replace its program by the one that this server publishes."""
    return _done(agent_id, lifecycle.ask_to_update)


@section.post("/agents/<agent_id>/revoke", needs=(P.AGENTS_DELETE,), body=REASON, answer=AGENT)
def revoke(agent_id: str) -> Answer:
    """Revoke an agent's key. What it runs is lost; the host has to be enrolled anew."""
    return _with_reason(agent_id, lifecycle.revoke)


@section.post("/agents/<agent_id>/decommission", needs=(P.AGENTS_DELETE,), body=REASON, answer=AGENT)
def decommission(agent_id: str) -> Answer:
    """Decommission an agent. It leaves every list; its history stays."""
    return _with_reason(agent_id, lifecycle.decommission)


@section.post("/agents/bulk", needs=(P.AGENTS_WRITE,), body=MANY, answer=DONE)
def act() -> Json:
    """Act on many agents.

    Each by itself: one that cannot change stops no other. With a filter that selects another number than `expected`
    it changes nothing and answers 409 with `matches`. `tag` counts those whose tags changed.
    """
    order = body()
    _check(order)
    able = principal.org_ids_with(P.AGENTS_WRITE)
    if not able:
        raise forbidden(P.AGENTS_WRITE)
    scope_to(able)
    done, refused = 0, []
    for agent_id, agent in _chosen(order):
        try:
            done += _act(order, agent) if agent else _missing()
        except Refused as refusal:
            refused.append({"id": agent_id, "reason": refusal.text})
    return {"done": done, "refused": refused}


def _act(order: Json, agent: Agent) -> int:
    now = clock.now()
    with writing_to(agent.organization_id), db.session.begin_nested():
        if order["do"] != "tag":
            VERBS[order["do"]](agent, principal.actor, now)
            return 1
        return lifecycle.tag_many([agent], order.get("add", ()), order.get("remove", ()), principal.actor, now)


def _missing() -> int:
    raise Refused("missing", "There is no such agent")


def _check(order: Json) -> None:
    errors = []
    if ("ids" in order) == ("filter" in order):
        errors.append({"field": "ids", "message": "Send either ids or a filter"})
    if "filter" in order and "expected" not in order:
        errors.append({"field": "expected", "message": "Enter how many agents the filter selects"})
    if order["do"] == "tag" and not order.get("add") and not order.get("remove"):
        errors.append({"field": "add", "message": "Enter at least one tag"})
    try:
        lifecycle.clean_tags(order.get("add", ()))
    except Refused as refusal:
        errors.append({"field": "add", "message": refusal.text})
    if errors:
        raise FieldErrors(errors)


def _chosen(order: Json) -> Iterator[tuple[str, Agent | None]]:
    if "ids" in order:
        return ((agent_id, queries.by_uuid(agent_id.lower())) for agent_id in dict.fromkeys(order["ids"]))
    wanted = read_fields(FILTER, order["filter"])
    found = queries.all_of(agents.chosen(wanted), clock.now())
    if len(found) != order["expected"]:
        text = (
            f"The filter selects {len(found):,} agents now, not {order['expected']:,}. Look at them, then send it again"
        )
        raise Problem(409, text, reason="expected", matches=len(found))
    return ((agent.uuid, agent) for agent in found)


def _with_reason(agent_id: str, verb: Callable[..., None]) -> Answer:
    return _done(agent_id, verb, lambda: {"reason": body().get("reason", "")})


def _done(agent_id: str, verb: Callable[..., None], more: Callable[[], dict[str, Any]] = dict) -> Answer:
    """First what may be seen, then what was sent."""
    agent = found(agent_id, lock=True)
    verb(agent, principal.actor, clock.now(), **more())
    return told(agent)
