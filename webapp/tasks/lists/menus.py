"""What stands around the list: ready-made views, filters with what they offer, and what is filtered now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.access.principal import Principal
from webapp.agents import queries as agents
from webapp.language import N_, _
from webapp.plugins.catalogue import catalogue
from webapp.tasks import kinds, queries
from webapp.tasks.lists.address import Address
from webapp.tasks.reasons import ADVICE, Reason
from webapp.tasks.states import LOOKS, STARTED, WAITING, Outcome, Status, Trigger

MOST = 100  # choices that a menu lists; beyond, names are typed

LABELS = {
    "status": N_("Status"), "type": N_("Type"), "plugin": N_("Plugin"), "agent": N_("Agent"), "tag": N_("Tag"), "org": N_("Organization"),
    "owner": N_("Owner"), "definition": N_("Definition"), "group": N_("Group run"), "schedule": N_("Schedule"), "trigger": N_("Source"),
    "reason": N_("Failure"), "outcome": N_("Outcome"), "by": N_("Created by"), "limit": N_("Limit"), "batch": N_("Batch"), "log": N_("Output"),
    "since": N_("Since"), "until": N_("Until"), "notes": N_("Notes"), "mentions": N_("Mentions"),
}  # fmt: skip
TRIGGERS = {
    Trigger.MANUAL: N_("By hand"), Trigger.ADHOC: N_("Ad hoc"), Trigger.SCHEDULE: N_("Schedule"), Trigger.DEPENDENCY: N_("Dependency"),
    Trigger.RETRY: N_("Retry"), Trigger.RESCHEDULE: N_("Reschedule"), Trigger.API: "API", Trigger.FILE: N_("File"),
    Trigger.RULE: N_("Rule"), Trigger.IMPORT: N_("Import"),
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
TYPED = {"agent": N_("Host name, or web-*"), "tag": N_("Tag")}


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
        return _(LABELS[self.name])


def pills(address: Address, who: Principal, kept: dict[str, int]) -> list[dict[str, Any]]:
    def pill(label: str, *filters: tuple[str, str], count: int | None = None) -> dict[str, Any]:
        there = address.only(*filters)
        return {"label": label, "href": there.url(), "count": count, "current": there.filters == address.filters}

    def counted(*statuses: Status) -> int:
        return sum(kept.get(status, 0) for status in statuses)

    return [
        pill(_("All"), count=sum(kept.values())),
        pill(_("Running"), ("status", "running"), count=counted(*STARTED)),
        pill(_("Failed"), ("status", "failed"), count=counted(Status.FAILED)),
        pill(_("Waiting"), ("status", "waiting"), count=counted(*WAITING)),
        pill(_("Mine"), ("by", who.username)),
    ]


def bar(address: Address, who: Principal, schedules: Mapping[str, str]) -> dict[str, Menu]:
    """The filters with a menu of their own, then those that share one."""
    plugins = ((plugin.id, plugin.manifest.name) for plugin in catalogue().plugins.values())
    offered: dict[str, Iterable[tuple[str, str]]] = {
        "status": _words("status"),
        "type": _words("type"),
        "plugin": sorted(plugins, key=lambda pair: pair[1].lower()),
        "org": [(org.slug, org.name) for org in who.seen] if len(who.seen) > 1 else [],
    }
    menus = {name: Menu(name, tuple(options), address.values(name)) for name, options in offered.items()}
    for name, typed in TYPED.items():
        chosen = address.values(name)
        url = address.url("/tasks/choices", of=name)
        menus[name] = Menu(name, tuple((value, value) for value in chosen), chosen, url, _(typed))
    menus |= {name: Menu(name, (), address.values(name)) for name in ("since", "until")}
    return menus | rest(address, schedules)


def _words(name: str) -> list[tuple[str, str]]:
    return [(value, _(words)) for value, words in WORDS[name].items()]


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
    return Menu(name, tuple((value, value) for value in dict.fromkeys([*chosen, *names])), chosen, typed=_(TYPED[name]))


def chips(address: Address, schedules: Mapping[str, str]) -> list[dict[str, str]]:
    """What is filtered beside the search box, each with the address without it."""
    return [
        {
            "label": f"{_(LABELS[name])}: {schedules.get(value, value) if name == 'schedule' else said(name, value)}",
            "href": address.without(name, value).url(),
        }
        for name, value in address.filters
        if name != "q"
    ]


def said(name: str, value: str) -> str:
    words = WORDS.get(name, {}).get(value.lower())
    return _(words) if words else value
