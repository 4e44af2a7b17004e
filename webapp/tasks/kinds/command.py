"""A shell command, or an argument list, on agents."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from webapp.access.permissions import Permission
from webapp.language import N_, _

if TYPE_CHECKING:
    from webapp.agents.models import Agent
    from webapp.tasks.kinds import Part
    from webapp.tasks.spec import Spec

TYPE = "execute_command"
LABEL = N_("Command")
ICON = "adhoc"
MAX_RETRIES = 0
RETRY_ON: tuple[str, ...] = ()
SUCCESS = (0,)
LONGEST = 65_536
NEEDS = Permission.TASKS_COMMAND


def prepare(spec: Spec) -> list[Part]:
    from webapp.tasks.kinds import Part

    data = _checked(spec)
    line = data["command"] if "command" in data else shlex.join(data["argv"])
    first = line.strip().splitlines()[0]
    return [Part(what=first[:200], data=data, input=line[:300])]


def suits(data: dict[str, Any], agent: Agent) -> str | None:
    if TYPE not in agent.capabilities:
        return _("%(hostname)s does not run commands", hostname=agent.hostname)
    return None


def outcome(exit_code: int) -> str | None:
    return None


def _checked(spec: Spec) -> dict[str, Any]:
    from webapp.tasks.spec import SpecError, error, unknown

    strange = [name for name in spec.data if name not in ("command", "argv")]
    if strange:
        raise SpecError([{"field": f"data.{n}", "message": unknown(n, ("command", "argv"))} for n in strange])
    if not spec.target.on_agents:
        raise error("target", _('Select at least one agent, or choose "Anyone"'))
    if ("command" in spec.data) == ("argv" in spec.data):
        raise error("data.command", _("Enter the command to run"))
    return {"command": _line(spec.data["command"])} if "command" in spec.data else {"argv": _words(spec.data["argv"])}


def _line(value: Any) -> str:
    from webapp.tasks.spec import error

    if not isinstance(value, str) or not value.strip():
        raise error("data.command", _("Enter the command to run"))
    if "\0" in value or len(value) > LONGEST:
        raise error("data.command", _("Use at most %(longest)s characters and no zero bytes", longest=f"{LONGEST:,}"))
    return value


def _words(value: Any) -> list[str]:
    from webapp.tasks.spec import error

    if not isinstance(value, list) or not value or not all(isinstance(w, str) and "\0" not in w for w in value):
        raise error("data.argv", _("Enter the program and its arguments as a list of texts"))
    if not value[0].strip() or sum(map(len, value)) > LONGEST:
        raise error("data.argv", _("Name a program, and use at most %(longest)s characters", longest=f"{LONGEST:,}"))
    return value
