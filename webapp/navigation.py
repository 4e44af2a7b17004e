"""The main menu: what is where, for whom. A page that a principal cannot read is absent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

from webapp import queue
from webapp.access.permissions import Permission as P
from webapp.access.principal import Principal
from webapp.db import db, system_scope
from webapp.language import N_


class Item(NamedTuple):
    label: str
    href: str
    icon: str
    permission: P | None


MENU: dict[str, tuple[Item, ...]] = {
    N_("Work"): (
        Item(N_("Dashboard"), "/", "dashboard", P.TASKS_READ),
        Item(N_("Tasks"), "/tasks", "tasks", P.TASKS_READ),
        Item(N_("Ad hoc"), "/adhoc", "adhoc", P.TASKS_COMMAND),
    ),
    N_("Fleet"): (
        Item(N_("Agents"), "/agents", "agents", P.AGENTS_READ),
        Item(N_("Plugins"), "/plugins", "plugins", P.PLUGINS_READ),
        Item(N_("Test library"), "/library", "library", P.LIBRARY_READ),
        Item(N_("Calendars"), "/calendars", "calendars", P.CALENDARS_READ),
    ),
    N_("Data"): (
        Item(N_("Objects"), "/objects", "objects", P.OBJECTS_READ),
        Item(N_("Object sets"), "/object-sets", "object-sets", P.OBJECTS_READ),
        Item(N_("Files"), "/files", "files", P.FILES_READ),
        Item(N_("Findings"), "/findings", "findings", P.RULES_READ),
        Item(N_("Reports"), "/reports", "reports", P.REPORTS_READ),
    ),
    N_("Rules"): (
        Item(N_("Business rules"), "/rules", "rules", P.RULES_READ),
        Item(N_("Alerts"), "/alerts", "alerts", P.ALERTS_READ),
    ),
    N_("Admin"): (
        Item(N_("Users"), "/admin/users", "users", P.USERS_READ),
        Item(N_("Roles"), "/admin/roles", "roles", P.USERS_READ),
        Item(N_("Organizations"), "/admin/organizations", "organizations", P.SETTINGS_READ),
        Item(N_("Integrations"), "/admin/integrations", "integrations", P.INTEGRATIONS_READ),
        Item(N_("Audit log"), "/admin/audit", "audit", P.AUDIT_READ),
        Item(N_("Import/Export"), "/admin/transfer", "transfer", P.DEFINITIONS_READ),
        Item(N_("System"), "/admin/system", "system", P.SETTINGS_READ),
        Item(N_("Settings"), "/admin/settings", "settings", P.SETTINGS_READ),
    ),
}

# Pages that share a place in the menu.
TABS: dict[str, tuple[Item, ...]] = {
    "tasks": (
        Item(N_("Activity"), "/tasks", "tasks", P.TASKS_READ),
        Item(N_("Definitions"), "/tasks/definitions", "definitions", P.DEFINITIONS_READ),
        Item(N_("Groups"), "/tasks/groups", "groups", P.DEFINITIONS_READ),
        Item(N_("Schedules"), "/tasks/schedules", "schedules", P.SCHEDULES_READ),
    ),
    "me": (
        Item(N_("Profile"), "/me", "user", None),
        Item(N_("Appearance"), "/me/appearance", "appearance", None),
        Item(N_("Password"), "/me/password", "lock", None),
        Item(N_("API tokens"), "/me/tokens", "tokens", None),
        Item(N_("Notifications"), "/me/notifications", "bell", None),
        Item(N_("Sessions"), "/me/sessions", "sessions", None),
    ),
}


FOLDED = ("Data", "Rules")  # one item, as long as there is nothing to find behind them
FOUND_FOR, EMPTY_FOR = 3600, 30  # seconds, until it is asked again whether there is something

Holds = Callable[[Collection[int]], bool]


def init(app: Flask) -> None:
    """Once all features are in: a menu item leads somewhere, or it is not there."""
    urls = app.url_map.bind("localhost")
    for name, places in (("menu", MENU), ("tabs", TABS)):
        app.extensions[name] = {
            title: [item for item in items if _leads(urls, item.href)] for title, items in places.items()
        }


def menu(app: Flask, who: Principal, path: str) -> list[dict[str, Any]]:
    """As the pages show it: short, until there is something to find."""
    found = sections(app, who, path)
    there = any(item["current"] for section in found if section["title"] in FOLDED for item in section["items"])
    return found if there or not found or _something(app, who) else list(_folded(found))


def sections(app: Flask, who: Principal, path: str) -> list[dict[str, Any]]:
    """All that somebody may go to."""
    if who.is_anonymous:
        return []
    return [
        {"title": title, "items": items}
        for title, menu in app.extensions["menu"].items()
        if (items := [_shown(item, path, who) for item in menu if item.permission is None or who.can(item.permission)])
    ]


def unfold_for(app: Flask, holds: Holds) -> None:
    """A feature says whether there is anything of its kind in these organisations."""
    app.extensions.setdefault("holds", []).append(holds)


def tabs(app: Flask, who: Principal, name: str, path: str) -> list[dict[str, Any]]:
    """For `ui/tabs.html`; nothing where there would be only one."""
    shown = [item for item in app.extensions["tabs"][name] if item.permission is None or who.can(item.permission)]
    made = [{"label": item.label, "href": item.href, "count": None, "current": item.href == path} for item in shown]
    return made if len(made) > 1 else []


def _folded(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    first = next((section for section in found if section["title"] in FOLDED), None)
    for section in found:
        if section is first:
            yield section | {"items": [section["items"][0] | {"label": section["title"]}]}
        elif section["title"] not in FOLDED:
            yield section


def _something(app: Flask, who: Principal) -> bool:
    """Remembered for all who see the same, so that a page costs no more than a look into the broker."""
    key = f"muster:holds:{who.stamp}"
    if kept := queue.get(key):
        return kept == b"1"
    if db.session().info.get("scope") is None:  # a page that only says what went wrong
        return False
    with system_scope("whether the menu has something to show"):
        found = any(holds([org.id for org in who.seen]) for holds in app.extensions.get("holds", ()))
    queue.put(key, int(found), FOUND_FOR if found else EMPTY_FOR)
    return found


def _shown(item: Item, path: str, who: Principal) -> dict[str, Any]:
    below = item.href != "/" and path.startswith(f"{item.href}/")
    mine = f"?{who.prefs['tasks']}" if item.href == "/tasks" and who.prefs["tasks"] else ""
    return {"label": item.label, "href": item.href + mine, "icon": item.icon, "current": path == item.href or below}


def _leads(urls: MapAdapter, href: str) -> bool:
    try:
        _, values = urls.match(href)
    except RequestRedirect:
        return True
    except HTTPException:
        return False
    return not values  # /tasks/<id> takes any word
