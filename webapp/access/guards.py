"""Who may call a view. Every view says so with `requires` or `public`; one that says nothing stops the start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar, overload

import sqlalchemy as sa
from flask import Flask, current_app, g, request

from webapp import clock, queue
from webapp.access import audit
from webapp.access.models import Membership, Role, User
from webapp.access.permissions import Permission
from webapp.access.principal import Principal, principal
from webapp.db import OrgScoped, Scope, db, scope_to, system_scope
from webapp.language import _, ngettext
from webapp.refusal import Problem, SignInNeeded
from webapp.security import SAFE

P = ParamSpec("P")
R = TypeVar("R")
Row = TypeVar("Row")


@dataclass(frozen=True)
class Access:
    """What a view expects of who calls it."""

    permissions: tuple[Permission, ...] = ()
    public: bool = False
    csrf: bool = True
    person: bool = False
    superadmin: bool = False
    reading: bool = False

    def admits(self, who: Principal) -> bool:
        if self.public:
            return True
        if who.is_anonymous or (self.person and who.kind != "user") or (self.superadmin and not who.superadmin):
            return False
        return all(who.everywhere_with(permission) for permission in self.permissions)


def requires(
    *permissions: Permission, person: bool = False, superadmin: bool = False, reading: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Signed in, and with these permissions in some organisation; `get_or_404` then asks for the row's own.

    `person`: not a token. `reading`: a POST that changes nothing, such as a preview.
    """
    access = Access(permissions, person=person, superadmin=superadmin, reading=reading)

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            _admit(access)
            return view(*args, **kwargs)

        guarded.access = access  # type: ignore[attr-defined]
        return guarded

    return decorate


@overload
def public(view: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def public(*, csrf: bool) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def public(view: Any = None, /, *, csrf: bool = True) -> Any:
    """For everybody. `csrf=False` where no browser's cookie counts, because the view looks for a key of its own."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        view.access = Access(public=True, csrf=csrf)  # type: ignore[attr-defined]
        return view

    return decorate(view) if view else decorate


def check(app: Flask) -> None:
    bare = sorted(name for name, view in app.view_functions.items() if not hasattr(view, "access"))
    if bare:
        raise RuntimeError(f"views without @requires or @public: {', '.join(bare)}")


def get_or_404(model: type[Row], **key: Any) -> Row:
    """The row if this principal may see it, whatever organisation the switcher shows; 403 if they may not do this.

    From here on new rows of this request belong to the row's organisation.
    """
    row = _find(model, key)
    if row is None and principal.current_org is not None:
        _bind(g.access, everywhere=True)
        row = _find(model, key)
    if row is None:
        raise missing(model, key)
    if isinstance(row, OrgScoped):
        may(*g.access.permissions, org_id=row.organization_id)
        _write_to(row.organization_id)
    return row


def may(*permissions: Permission, org_id: int) -> None:
    """403 unless each is held in this organisation."""
    for permission in permissions:
        if not principal.can(permission, org_id):
            raise forbidden(permission, org_id)


def choose_organization(slug: str | None, permission: Permission) -> int:
    """The one organisation in which something is created: the named, the chosen, or the only one that allows it."""
    if slug:
        return _named_organization(slug, permission)
    allowed = principal.org_ids_with(permission)
    if not allowed:
        raise forbidden(permission)
    if len(allowed) > 1:
        raise Problem(422, errors=[{"field": "organization", "message": _("Choose an organization")}])
    return _write_to(next(iter(allowed)))


def missing(model: type[Any], key: dict[str, Any]) -> Problem:
    noun = model.__tablename__.replace("_", " ")
    name = str(next(iter(key.values())))[:60]
    return Problem(
        404,
        _(
            "There is no %(noun)s %(name)s in the organizations you can see. It may have been deleted",
            noun=_(noun),
            name=name,
        ),
    )


def forbidden(permission: Permission | None = None, org_id: int | None = None) -> Problem:
    """403, told with whom to ask, and written down."""
    _write_down(permission, org_id)
    return Problem(403, _why(permission, org_id))


def _admit(access: Access) -> None:
    g.access = access
    if principal.is_anonymous:
        raise SignInNeeded
    if not access.admits(principal):
        lacking = [p for p in access.permissions if not principal.everywhere_with(p)]
        raise forbidden(lacking[0] if lacking else None)
    if access.reading:
        db.session().info["reading"] = True
    _bind(access)
    if request.method in SAFE:
        _see_something(access)
    elif principal.kind in ("user", "token"):
        audit.begin(audit.Act(principal.actor, request.endpoint or "", request.path))


def _bind(access: Access, everywhere: bool = False) -> None:
    """The session reads the organisations in which this principal may do or see this."""
    which = principal.everywhere_with if everywhere else principal.org_ids_with
    reading = [which(permission) | which(permission.seeing) for permission in access.permissions]
    seen = frozenset.intersection(*reading) if reading else frozenset(org.id for org in principal.seen)
    doing = [which(permission) for permission in access.permissions]
    able = frozenset.intersection(*doing) if doing else seen
    scope_to(seen, next(iter(able)) if len(able) == 1 else None)


def _see_something(access: Access) -> None:
    """A list of an organisation whose rows one may not see is refused, not empty."""
    if not request.view_args:
        for permission in access.permissions:
            if not principal.org_ids_with(permission):
                raise forbidden(permission)


def _find(model: type[Row], key: dict[str, Any]) -> Row | None:
    if not all(_fits(model, name, value) for name, value in key.items()):
        return None
    return db.session.scalars(sa.select(model).filter_by(**key)).one_or_none()


def _fits(model: type[Any], name: str, value: Any) -> bool:
    """PostgreSQL fails on a number that is too big for its column; no row can have it."""
    if not isinstance(value, int):
        return True
    big = isinstance(sa.inspect(model).columns[name].type, sa.BigInteger)
    return abs(value) < 2 ** (63 if big else 31)


def _write_to(organization_id: int) -> int:
    scope: Scope = db.session().info["scope"]
    db.session().info["scope"] = replace(scope, reading=scope.reading | {organization_id}, writing=organization_id)
    return organization_id


def _named_organization(slug: str, permission: Permission) -> int:
    org = next((org for org in principal.orgs if slug in (org.slug, str(org.id))), None)
    if org is None:
        message = _("There is no organization %(name)s that you can see", name=slug[:60])
        raise Problem(422, errors=[{"field": "organization", "message": message}])
    may(permission, org_id=org.id)
    return _write_to(org.id)


def _why(permission: Permission | None, org_id: int | None) -> str:
    words = _(permission.words) if permission else _("do this")
    if permission and org_id is None and len(principal.seen) == 1:
        org_id = principal.seen[0].id
    org = next((org for org in principal.orgs if org.id == org_id), None)
    if org is None:
        return _("You cannot %(words)s. Your role does not include it", words=words)
    text = _(
        "You cannot %(words)s in %(organization)s. Your role is %(role)s.",
        words=words,
        organization=org.name,
        role=org.role,
    )
    return f"{text} {_who_can_help(org.id)}".rstrip()


def _who_can_help(org_id: int) -> str:
    with system_scope("who can change roles"):
        rows = db.session.execute(
            sa.select(User, Role)
            .join(Membership, Membership.user_id == User.id)
            .join(Role, Role.id == Membership.role_id)
            .where(Membership.organization_id == org_id, User.active)
            .order_by(User.username)
        ).all()
    names = [user.display_name for user, role in rows if Permission.USERS_WRITE in role.permissions]
    if not names:
        return ""
    others = len(names) - 1
    if not others:
        return _("%(name)s can change roles", name=names[0])
    return ngettext(
        "%(name)s and %(num)s other can change roles",
        "%(name)s and %(num)s others can change roles",
        others,
        name=names[0],
    )


def _write_down(permission: Permission | None, org_id: int | None) -> None:
    """Once a minute for the same refusal: a page left open asks every ten seconds."""
    key = f"muster:denied:{principal.credential}:{request.method}:{request.path}"[:300]
    if (queue.incr(key, seconds=60) or 1) > 1:
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    where = [org_id] if org_id else [org.id for org in principal.seen]
    what = {"method": request.method, "path": request.path, "needs": str(permission or "")}
    audit.apart(app, where, "denied", request.endpoint or request.path, principal.actor, clock.now(), after=what)
