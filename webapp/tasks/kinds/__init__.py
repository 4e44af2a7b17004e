"""Kinds of task: one file each, one contract, one list.

A kind is a module with:
  TYPE, LABEL, ICON         its name in the API, its word and symbol on pages
  MAX_RETRIES, RETRY_ON     the default policy
  SUCCESS                   the exit codes that count as success unless the options say otherwise
  prepare(spec) -> [Part]   checks the spec and splits it into runs; raises SpecError naming the fields
  suits(data, agent)        why this agent cannot run it, or None
  outcome(exit_code)        what an exit code says about the thing tested, or None
  PRIORITY                  optional: at least this, whatever the options say
  NEEDS                     optional: the permission that running it takes, where making tasks is not enough
  sealed(spec) -> Spec      optional: how it may be written down, where its data can hold secrets
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

from webapp.access.permissions import Permission
from webapp.tasks.kinds import command, plugin, test, uninstall, update

if TYPE_CHECKING:
    from webapp.agents.models import Agent
    from webapp.tasks.spec import Spec

QUEUE_LIFE = timedelta(days=7)


@dataclass(frozen=True)
class Part:
    """One run of a spec, before it is put on an executor."""

    what: str
    data: dict[str, Any]
    input: str = ""
    plugin_id: str | None = None
    test_id: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


class Kind(Protocol):
    TYPE: str
    LABEL: str
    ICON: str
    MAX_RETRIES: int
    RETRY_ON: tuple[str, ...]
    SUCCESS: tuple[int, ...]

    def prepare(self, spec: Spec) -> list[Part]: ...
    def suits(self, data: dict[str, Any], agent: Agent) -> str | None: ...
    def outcome(self, exit_code: int) -> str | None: ...


KINDS: dict[str, ModuleType] = {kind.TYPE: kind for kind in (plugin, command, test, update, uninstall)}


def of(task_type: str) -> Kind:
    return cast(Kind, KINDS[task_type])


def priority(task_type: str) -> int:
    return getattr(KINDS[task_type], "PRIORITY", 0)


def needed(task_type: str) -> Permission:
    return getattr(KINDS.get(task_type), "NEEDS", Permission.TASKS_CREATE)


def sealed(spec: Spec) -> Spec:
    """Of what is not known or wrong, `prepare` tells."""
    kept = getattr(KINDS.get(spec.type), "sealed", None)
    return kept(spec) if kept else spec


def success_codes(task_type: str, options: dict[str, Any]) -> list[int]:
    return list(options.get("success_exit_codes") or of(task_type).SUCCESS)


def queue_life(options: dict[str, Any]) -> timedelta:
    return timedelta(seconds=options["expires_in"]) if options.get("expires_in") else QUEUE_LIFE
