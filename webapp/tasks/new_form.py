"""What the form of a new task shows: the same page and dialog, and the form of a schedule."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from werkzeug.datastructures import MultiDict

from webapp import clock
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import picker
from webapp.db import db
from webapp.language import _, ngettext
from webapp.library import queries as library
from webapp.library.manifest import ARCHES, PLATFORMS
from webapp.objects import sets
from webapp.objects.models import ObjectSet
from webapp.plugins import queries as plugins
from webapp.plugins.parameters import validate_call
from webapp.tasks import asked

MOST_SETS = 200


def context(given: MultiDict[str, str]) -> dict[str, Any]:
    now = clock.now()
    offered = kinds()
    kind = given.get("kind") if given.get("kind") in offered else next(iter(offered))
    allowed = [org for org in principal.orgs if org.id in principal.org_ids_with(Permission.TASKS_CREATE)]
    named = next((org for org in allowed if org.slug == given.get("organization")), None)
    org = named or principal.current_org or [*allowed, *principal.orgs][0]
    chosen = picker.read(given, now, org.id)
    plugin = plugins.find(given.get("plugin", ""))
    found = {
        "given": given, "kind": kind, "kinds": offered, "picker": chosen, "modes": picker.MODES, "now": now,
        "matched": chosen.matched(now, org.id), "plugins": plugins.usable(), "plugin": plugin, "options": asked.OPTIONS,
        "option_ids": [f"o_{name}" for name in (*asked.OPTIONS, "env")], "sets": _sets(org.id),
        "tests": library.choices(org.id), "platforms": sorted(PLATFORMS), "arches": sorted(ARCHES), "errors": [],
        "organizations": allowed, "organization": org, "once": given.get("once") or str(uuid4()),
    }  # fmt: skip
    return found | {"verb": _verb(given, kind or "", found)}


def kinds() -> dict[str, str]:
    """A command wants its own permission; without it the choice is absent."""
    command = principal.org_ids_with(Permission.TASKS_COMMAND)
    return {name: label for name, label in asked.KINDS.items() if name != asked.COMMAND or command}


def _sets(organization_id: int) -> list[ObjectSet]:
    found = sets.listed().where(ObjectSet.organization_id == organization_id).order_by(ObjectSet.name)
    return list(db.session.scalars(found.limit(MOST_SETS)))


def _verb(given: MultiDict[str, str], kind: str, context: dict[str, Any]) -> str:
    """The button names what will happen."""
    places = len(context["matched"]) if context["picker"].mode != "anyone" else 1
    on_agents = kind != asked.PLUGIN or given.get("on") == "agents"
    number = places if on_agents else _runs(given, context["plugin"])
    if not number:
        return _("Create task")
    return ngettext("Create %(count)s task", "Create %(count)s tasks", number, count=f"{number:,}")


def _runs(given: MultiDict[str, str], plugin: Any) -> int:
    if plugin is None or given.get("object_set"):
        return 0
    try:
        call = validate_call(plugin.manifest, asked.data(given, asked.PLUGIN))
    except ValueError:
        return 0
    return len(call.get("input_data") or [None])
