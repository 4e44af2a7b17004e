"""The main menu: what is where, for whom. A page that a principal cannot read is absent."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

from webapp.access.permissions import Permission as P
from webapp.access.principal import Principal
from webapp.language import N_


class Item(NamedTuple):
    label: str
    href: str
    icon: str
    permission: P | None


MENU: dict[str, tuple[Item, ...]] = {
    "Work": (
        Item(N_("Dashboard"), "/", "dashboard", P.TASKS_READ),
        Item(N_("Tasks"), "/tasks", "tasks", P.TASKS_READ),
        Item(N_("Ad hoc"), "/adhoc", "adhoc", P.TASKS_COMMAND),
    ),
    "Fleet": (
        Item(N_("Agents"), "/agents", "agents", P.AGENTS_READ),
        Item(N_("Plugins"), "/plugins", "plugins", P.PLUGINS_READ),
        Item(N_("Test library"), "/library", "library", P.LIBRARY_READ),
        Item(N_("Calendars"), "/calendars", "calendars", P.CALENDARS_READ),
    ),
    "Data": (
        Item(N_("Objects"), "/objects", "objects", P.OBJECTS_READ),
        Item(N_("Object sets"), "/object-sets", "object-sets", P.OBJECTS_READ),
        Item(N_("Files"), "/files", "files", P.FILES_READ),
        Item(N_("Findings"), "/findings", "findings", P.RULES_READ),
        Item(N_("Reports"), "/reports", "reports", P.REPORTS_READ),
    ),
    "Rules": (
        Item(N_("Business rules"), "/rules", "rules", P.RULES_READ),
        Item(N_("Alerts"), "/alerts", "alerts", P.ALERTS_READ),
    ),
    "Admin": (
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


def init(app: Flask) -> None:
    """Once all features are in: a menu item leads somewhere, or it is not there."""
    urls = app.url_map.bind("localhost")
    for name, places in (("menu", MENU), ("tabs", TABS)):
        app.extensions[name] = {
            title: [item for item in items if _leads(urls, item.href)] for title, items in places.items()
        }


def sections(app: Flask, who: Principal, path: str) -> list[dict[str, Any]]:
    if who.is_anonymous:
        return []
    return [
        {"title": title, "items": items}
        for title, menu in app.extensions["menu"].items()
        if (items := [_shown(item, path, who) for item in menu if item.permission is None or who.can(item.permission)])
    ]


def tabs(app: Flask, who: Principal, name: str, path: str) -> list[dict[str, Any]]:
    """For `ui/tabs.html`; nothing where there would be only one."""
    shown = [item for item in app.extensions["tabs"][name] if item.permission is None or who.can(item.permission)]
    made = [{"label": item.label, "href": item.href, "count": None, "current": item.href == path} for item in shown]
    return made if len(made) > 1 else []


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
