"""Who acts in this request, and what they may do where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from flask_login import current_user
from werkzeug.local import LocalProxy

from webapp.access.permissions import Permission
from webapp.access.prefs import DEFAULTS
from webapp.events import Actor


class Org(NamedTuple):
    """An organisation as a principal sees it."""

    id: int
    slug: str
    name: str
    role: str


@dataclass(frozen=True)
class Principal:
    """A user, a token, an agent or the system. `rights` is the whole truth: what is not listed is denied."""

    kind: str
    id: int | None  # of the user, also when a token of theirs acts
    name: str
    username: str  # `ana`, or `ana/ci` for ana's token "ci"
    superadmin: bool = False
    rights: Mapping[int, frozenset[Permission]] = field(default_factory=dict)
    orgs: tuple[Org, ...] = ()
    current_org: Org | None = None  # the organisation that was chosen in the switcher; None = all of them
    prefs: Mapping[str, Any] = field(default_factory=lambda: DEFAULTS)
    credential: str = ""  # hash of the session's or token's secret
    must_change_password: bool = False
    stamp: str = ""  # changes with rights, choice and preferences: part of every poll tag

    @property
    def person(self) -> str:
        """The user name, also when a token of theirs acts."""
        return self.username.partition("/")[0]

    @property
    def is_authenticated(self) -> bool:
        return self.kind != "anonymous"

    @property
    def is_active(self) -> bool:
        return self.is_authenticated

    @property
    def is_anonymous(self) -> bool:
        return not self.is_authenticated

    def __bool__(self) -> bool:
        """Nobody is false, so that a page asks `if principal`."""
        return self.is_authenticated

    def get_id(self) -> str:
        return f"{self.kind}:{self.id}"

    @cached_property
    def actor(self) -> Actor:
        return Actor(self.kind, self.username, self.id)

    @property
    def seen(self) -> tuple[Org, ...]:
        """The organisations that lists show: the chosen one, or all."""
        return (self.current_org,) if self.current_org else self.orgs

    def can(self, permission: Permission, org_id: int | None = None) -> bool:
        """In this organisation; without one, in any of those that are shown."""
        if org_id is not None:
            return permission in self.rights.get(org_id, ())
        return any(permission in self.rights.get(org.id, ()) for org in self.seen)

    def org_ids_with(self, permission: Permission) -> frozenset[int]:
        return frozenset(org.id for org in self.seen if permission in self.rights.get(org.id, ()))

    def everywhere_with(self, permission: Permission) -> frozenset[int]:
        """As `org_ids_with`, whatever the switcher says."""
        return frozenset(org_id for org_id, rights in self.rights.items() if permission in rights)

    def may_grant(self, permissions: Iterable[Permission], org_id: int) -> bool:
        """Nobody gives away more than they have."""
        return self.superadmin or frozenset(permissions) <= self.rights.get(org_id, frozenset())


ANONYMOUS = Principal("anonymous", None, "", "")

principal: Principal = LocalProxy(lambda: current_user._get_current_object())  # type: ignore[assignment]
