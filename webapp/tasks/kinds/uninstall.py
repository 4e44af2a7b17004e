"""Take agents off their hosts. They report first, then remove themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webapp.access.permissions import Permission
from webapp.language import N_, _

if TYPE_CHECKING:
    from webapp.agents.models import Agent
    from webapp.tasks.kinds import Part
    from webapp.tasks.spec import Spec

TYPE = "uninstall"
LABEL = N_("Uninstall")
ICON = "delete"
MAX_RETRIES = 0
RETRY_ON: tuple[str, ...] = ()
SUCCESS = (0,)
PRIORITY = 10
NEEDS = Permission.AGENTS_DELETE


def prepare(spec: Spec) -> list[Part]:
    from webapp.tasks.kinds import Part
    from webapp.tasks.spec import AGENTS, SpecError, error, unknown

    if strange := [name for name in spec.data if name != "cleanup"]:
        raise SpecError([{"field": f"data.{name}", "message": unknown(name, ("cleanup",))} for name in strange])
    if spec.target.kind != AGENTS:
        raise error("target", _("Name the agents. This is never done to all of them, or to whoever comes first"))
    cleanup = spec.data.get("cleanup", False)
    if not isinstance(cleanup, bool):
        raise error("data.cleanup", _("Enter true or false"))
    return [Part(what="Uninstall the agent", data={"cleanup": cleanup}, input="with its files" if cleanup else "")]


def suits(data: dict[str, Any], agent: Agent) -> str | None:
    if TYPE not in agent.capabilities:
        return _("%(hostname)s does not uninstall itself", hostname=agent.hostname)
    return None


def outcome(exit_code: int) -> str | None:
    return None
