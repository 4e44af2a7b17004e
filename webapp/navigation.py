"""The main menu: what is where, for whom. A page that a principal cannot read is absent."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

from webapp.access.permissions import Permission as P
from webapp.access.principal import Principal


class Item(NamedTuple):
    label: str
    href: str
    icon: str
    permission: P | None


MENU: dict[str, tuple[Item, ...]] = {
    "Work": (
        Item("Dashboard", "/", "dashboard", P.TASKS_READ),
        Item("Tasks", "/tasks", "tasks", P.TASKS_READ),
        Item("Ad hoc", "/adhoc", "adhoc", P.TASKS_COMMAND),
    ),
    "Fleet": (
        Item("Agents", "/agents", "agents", P.AGENTS_READ),
        Item("Plugins", "/plugins", "plugins", P.PLUGINS_READ),
        Item("Test library", "/library", "library", P.LIBRARY_READ),
        Item("Calendars", "/calendars", "calendars", P.CALENDARS_READ),
    ),
    "Data": (
        Item("Objects", "/objects", "objects", P.OBJECTS_READ),
        Item("Object sets", "/object-sets", "object-sets", P.OBJECTS_READ),
        Item("Files", "/files", "files", P.FILES_READ),
        Item("Findings", "/findings", "findings", P.RULES_READ),
        Item("Reports", "/reports", "reports", P.REPORTS_READ),
    ),
    "Rules": (
        Item("Business rules", "/rules", "rules", P.RULES_READ),
        Item("Alerts", "/alerts", "alerts", P.ALERTS_READ),
    ),
    "Admin": (
        Item("Users", "/admin/users", "users", P.USERS_READ),
        Item("Roles", "/admin/roles", "roles", P.USERS_READ),
        Item("Organizations", "/admin/organizations", "organizations", P.SETTINGS_READ),
        Item("Integrations", "/admin/integrations", "integrations", P.INTEGRATIONS_READ),
        Item("Audit log", "/admin/audit", "audit", P.AUDIT_READ),
        Item("Import/Export", "/admin/transfer", "transfer", P.DEFINITIONS_READ),
        Item("System", "/admin/system", "system", P.SETTINGS_READ),
        Item("Settings", "/admin/settings", "settings", P.SETTINGS_READ),
    ),
}

# Pages that share a place in the menu.
TABS: dict[str, tuple[Item, ...]] = {
    "tasks": (
        Item("Activity", "/tasks", "tasks", P.TASKS_READ),
        Item("Definitions", "/tasks/definitions", "definitions", P.DEFINITIONS_READ),
        Item("Groups", "/tasks/groups", "groups", P.DEFINITIONS_READ),
        Item("Schedules", "/tasks/schedules", "schedules", P.SCHEDULES_READ),
    ),
    "me": (
        Item("Profile", "/me", "user", None),
        Item("Appearance", "/me/appearance", "appearance", None),
        Item("Password", "/me/password", "lock", None),
        Item("API tokens", "/me/tokens", "tokens", None),
        Item("Sessions", "/me/sessions", "sessions", None),
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
