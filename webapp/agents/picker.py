"""Choosing agents in a form: which are offered, which are ticked, and what target that makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from werkzeug.datastructures import MultiDict

from webapp.agents import queries
from webapp.agents.forms import words
from webapp.agents.models import Agent
from webapp.language import N_

SHOWN, MOST = 200, 1_000
MODES = {
    "agents": N_("Chosen agents"),
    "tags": N_("By tags"),
    "all": N_("All agents"),
    "anyone": N_("Anyone, the first free"),
}


@dataclass
class Picker:
    """The state of the fieldset: everything in it is in the form, so it works without JavaScript."""

    mode: str = "agents"
    checked: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    match: str = "any"
    q: str = ""
    online: bool = False
    os: list[str] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    more: int = 0
    platforms: list[str] = field(default_factory=list)

    @property
    def target(self) -> dict[str, Any]:
        """As the API takes it."""
        if self.mode == "tags":
            return {"tags": self.tags, "match": self.match}
        return {"agents": self.checked if self.mode == "agents" else self.mode}

    def tick(self, uuids: list[str], on: bool) -> None:
        others = [uuid for uuid in self.checked if uuid not in uuids]
        self.checked = others + uuids if on else others

    def matched(self, now: datetime, organization_id: int) -> list[Agent]:
        """Whom the target means now, for the preview."""
        if self.mode == "agents":
            return queries.named(self.checked, organization_id)[0] if self.checked else []
        online = list(queries.online(now, organization_id))
        return queries.tagged(online, self.tags, self.match) if self.mode == "tags" else online


def chosen(form: MultiDict[str, str]) -> Picker:
    """What was chosen, without what is offered."""
    mode = form.get("mode", "agents")
    return Picker(
        mode=mode if mode in MODES else "agents", checked=list(dict.fromkeys(form.getlist("agent"))),
        tags=words(" ".join(form.getlist("target_tags"))), match="all" if form.get("match") == "all" else "any",
        q=form.get("agent_q", "").strip()[:200], online=form.get("agent_online") == "1", os=[os for os in form.getlist("agent_os") if os],
    )  # fmt: skip


def read(form: MultiDict[str, str], now: datetime, organization_id: int) -> Picker:
    picker = chosen(form)
    tags = picker.tags if picker.mode == "agents" else ()
    offer = partial(queries.options, picker.q, tags, picker.match, picker.online, picker.os,
                    organization_id=organization_id, now=now)  # fmt: skip
    if pick := form.get("pick"):  # all that are offered, or none of them
        picker.tick([agent.uuid for agent in offer(limit=MOST)[0]], pick == "all")
    picker.agents, picker.more = offer(checked=picker.checked, limit=max(SHOWN, len(picker.checked)))
    picker.platforms = queries.values("os")
    return picker
