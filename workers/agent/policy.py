"""The host's own rules. `policy.json` in the work dir is written by the host's administrator and wins over the server:

    {"run_as": ["deploy"], "types": ["execute_command", "execute_test"], "signed_only": false, "capacity": 4}

Without the file every type may run, as the agent's own user only.
"""

import os
import pwd
from dataclasses import dataclass
from typing import Optional

from .disk import read_json
from .protocol import TYPES, ClaimedTask
from .signed import Refused
from .state import others_may_write

_FIELDS = {"run_as": list, "types": list, "signed_only": bool, "capacity": int}


class BadPolicy(Exception):
    pass


@dataclass(frozen=True)
class Policy:
    run_as: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset(TYPES)
    signed_only: bool = False
    capacity: Optional[int] = None

    def require(self, task: ClaimedTask) -> None:
        if task.type not in TYPES:
            raise Refused("policy_refused", f"This agent does not know tasks of type {task.type!r}.")
        if task.type not in self.types:
            raise Refused("policy_refused", f"The policy of this host allows no {task.type}.")
        if self.signed_only and task.manifest is None and task.type in ("execute_command", "plugin"):
            raise Refused("policy_refused", "The policy of this host allows signed payloads only.")
        user = task.options.run_as
        if user and user not in self.run_as and user != own_user():
            raise Refused("policy_refused", f"The policy of this host does not allow tasks as the user {user!r}.")

    def capabilities(self) -> list[str]:
        names = [name for name in TYPES if name in self.types]
        return [*names, "run_as"] if os.geteuid() == 0 and self.run_as else names


def load(path: str) -> Policy:
    """An unreadable policy stops the agent: running without the rules that somebody wrote down is no answer."""
    try:
        known = read_json(path)
    except ValueError as error:
        raise BadPolicy(f"{path} is not JSON: {error}") from None
    if known is None:
        return Policy()
    if others_may_write(path):
        raise BadPolicy(f"{path} can be changed by other users")
    for name, value in known.items():
        if type(value) is not _FIELDS.get(name):
            raise BadPolicy(f"{path}: {name!r} is unknown or of the wrong type")
    for name in ("run_as", "types"):
        if name in known:
            known[name] = frozenset(known[name])
    return Policy(**known)


def own_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run under a number that has no name
        return str(os.geteuid())
