"""An agent replaces its own program by the published one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webapp.access.permissions import Permission
from webapp.language import N_, _
from webapp.library import packages

if TYPE_CHECKING:
    from webapp.agents.models import Agent
    from webapp.tasks.kinds import Part
    from webapp.tasks.spec import Spec

TYPE = "update_agent"
LABEL = N_("Agent update")
ICON = "upload"
MAX_RETRIES = 0
RETRY_ON: tuple[str, ...] = ()
SUCCESS = (0,)
PRIORITY = 10
NEEDS = Permission.AGENTS_WRITE


def prepare(spec: Spec) -> list[Part]:
    from webapp.tasks.kinds import Part
    from webapp.tasks.spec import SpecError, error, unknown

    if spec.data:
        raise SpecError([{"field": f"data.{name}", "message": unknown(name, ())} for name in spec.data])
    if not spec.target.on_agents:
        raise error("target", _("Select at least one agent"))
    package = packages.agent()
    if package is None:
        raise error("type", _("No agent program has been published on this server. Run muster migrate"))
    return [Part(what=f"Update the agent to {package.version}", data={"version": package.version})]


def suits(data: dict[str, Any], agent: Agent) -> str | None:
    if TYPE not in agent.capabilities:
        return _("%(hostname)s does not update itself", hostname=agent.hostname)
    if agent.version == data.get("version"):
        return _("%(hostname)s runs version %(version)s already", hostname=agent.hostname, version=agent.version)
    return None


def outcome(exit_code: int) -> str | None:
    return None
