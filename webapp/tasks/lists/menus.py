"""What stands around the list: ready-made views, filters with what they offer, and what is filtered now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.access.principal import Principal
from webapp.agents import queries as agents
from webapp.plugins.catalogue import catalogue
from webapp.tasks import kinds, queries
from webapp.tasks.lists.address import Address
from webapp.tasks.reasons import ADVICE, Reason
from webapp.tasks.states import LOOKS, STARTED, WAITING, Outcome, Status, Trigger

MOST = 100  # choices that a menu lists; beyond, names are typed

LABELS = {
    "status": "Status", "type": "Type", "plugin": "Plugin", "agent": "Agent", "tag": "Tag", "org": "Organization",
    "owner": "Owner", "definition": "Definition", "group": "Group run", "schedule": "Schedule", "trigger": "Source",
    "reason": "Failure", "outcome": "Outcome", "by": "Created by", "limit": "Limit", "batch": "Batch", "log": "Output",
    "since": "Since", "until": "Until", "notes": "Notes", "mentions": "Mentions",
}  # fmt: skip
TRIGGERS = {
    Trigger.MANUAL: "By hand", Trigger.ADHOC: "Ad hoc", Trigger.SCHEDULE: "Schedule", Trigger.DEPENDENCY: "Dependency",
    Trigger.RETRY: "Retry", Trigger.RESCHEDULE: "Reschedule", Trigger.API: "API", Trigger.FILE: "File",
    Trigger.RULE: "Rule", Trigger.IMPORT: "Import",
}  # fmt: skip


OFFERED: dict[str, Iterable[str]] = {"trigger": Trigger, "outcome": Outcome, "reason": Reason}
# One menu.
SHARING = ("notes", "mentions", "owner", "by", "definition", "group", "schedule", "trigger", "outcome", "reason")
WORDS: dict[str, dict[str, str]] = {
    "status": {status: look.label for status, look in LOOKS.items()},
    "type": {name: kind.LABEL for name, kind in kinds.KINDS.items()},
    "trigger": {str(trigger): words for trigger, words in TRIGGERS.items()},
    "outcome": {outcome: outcome.capitalize() for outcome in Outcome},
    "reason": {reason: advice.label for reason, advice in ADVICE.items()},
    "notes": {"1": "yes"},
}
TYPED = {"agent": "Host name, or web-*", "tag": "Tag"}


@dataclass(frozen=True)
class Menu:
    """One filter: what it offers and what is chosen. `url` fetches the rest of the offer; `typed` takes any name."""

    name: str
    options: tuple[tuple[str, str], ...] = ()
    chosen: tuple[str, ...] = ()
    url: str = ""
    typed: str = ""

    @property
    def label(self) -> str:
        return LABELS[self.name]


def pills(address: Address, who: Principal, kept: dict[str, int]) -> list[dict[str, Any]]:
    def pill(label: str, *filters: tuple[str, str], count: int | None = None) -> dict[str, Any]:
        there = address.only(*filters)
        return {"label": label, "href": there.url(), "count": count, "current": there.filters == address.filters}

    def counted(*statuses: Status) -> int:
        return sum(kept.get(status, 0) for status in statuses)

    return [
        pill("All", count=sum(kept.values())),
        pill("Running", ("status", "running"), count=counted(*STARTED)),
        pill("Failed", ("status", "failed"), count=counted(Status.FAILED)),
        pill("Waiting", ("status", "waiting"), count=counted(*WAITING)),
        pill("Mine", ("by", who.username)),
    ]


def bar(address: Address, who: Principal, schedules: Mapping[str, str]) -> dict[str, Menu]:
    """The filters with a menu of their own, then those that share one."""
    plugins = ((plugin.id, plugin.manifest.name) for plugin in catalogue().plugins.values())
    offered: dict[str, Iterable[tuple[str, str]]] = {
        "status": WORDS["status"].items(),
        "type": WORDS["type"].items(),
        "plugin": sorted(plugins, key=lambda pair: pair[1].lower()),
        "org": [(org.slug, org.name) for org in who.seen] if len(who.seen) > 1 else [],
    }
    menus = {name: Menu(name, tuple(options), address.values(name)) for name, options in offered.items()}
    for name, typed in TYPED.items():
        chosen = address.values(name)
        url = address.url("/tasks/choices", of=name)
        menus[name] = Menu(name, tuple((value, value) for value in chosen), chosen, url, typed)
    menus |= {name: Menu(name, (), address.values(name)) for name in ("since", "until")}
    return menus | rest(address, schedules)


def rest(address: Address, schedules: Mapping[str, str], *, full: bool = False) -> dict[str, Menu]:
    """Those that share the menu "More"; all that they offer only when somebody opens it. `schedules`: number → name."""
    menus = {}
    for name in SHARING:
        chosen = address.values(name)
        options = tuple((value, said(name, value)) for value in (OFFERED.get(name, ()) if full else chosen))
        menus[name] = Menu(name, options, chosen)
    offered = dict(zip(menus["schedule"].chosen, menus["schedule"].chosen, strict=True)) | dict(schedules)
    return menus | {"schedule": Menu("schedule", tuple(offered.items()), menus["schedule"].chosen)}


def filled(name: str, address: Address) -> Menu:
    """All that a fetched menu offers, the chosen ones first."""
    names = queries.hosts(MOST) if name == "agent" else [tag for tag, _ in agents.tags_in_use(limit=MOST)]
    chosen = address.values(name)
    return Menu(name, tuple((value, value) for value in dict.fromkeys([*chosen, *names])), chosen, typed=TYPED[name])


def chips(address: Address, schedules: Mapping[str, str]) -> list[dict[str, str]]:
    """What is filtered beside the search box, each with the address without it."""
    return [
        {
            "label": f"{LABELS[name]}: {schedules.get(value, value) if name == 'schedule' else said(name, value)}",
            "href": address.without(name, value).url(),
        }
        for name, value in address.filters
        if name != "q"
    ]


def said(name: str, value: str) -> str:
    return WORDS.get(name, {}).get(value.lower(), value)
