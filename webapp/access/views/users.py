"""The people of an organisation, for who may see or change them."""

from __future__ import annotations

from collections.abc import Collection

from flask import Blueprint, Response, current_app, render_template, request

from webapp import clock, htmx, polling
from webapp.access import lifecycle, passwords, queries, resets
from webapp.access.forms import Choice, MembershipForm, ProfileForm, UserForm, choices
from webapp.access.guards import forbidden, get_or_404, may, missing, requires
from webapp.access.models import Membership, Role, User
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.language import _

bp = Blueprint("users", __name__, url_prefix="/admin/users")


@bp.get("/")
@requires(Permission.USERS_READ)
@polling.cached
def index() -> Response:
    text = request.args.get("q", "")
    homeless = queries.homeless() if principal.superadmin and not principal.current_org else []
    return htmx.page(
        "access/users.html", "access/_users.html", members=queries.members(text), homeless=homeless, q=text
    )


@bp.get("/new")
@requires(Permission.USERS_WRITE)
def new() -> str:
    return render_template("access/user_new.html", form=_offered(UserForm()))


@bp.post("/")
@requires(Permission.USERS_WRITE)
def create() -> Response:
    form = _offered(UserForm())
    if not form.validate():
        return _rendered("access/user_new.html", 422, form=form)
    role = get_or_404(Role, id=form.role.data)
    by, now, nobody_knows = principal.actor, clock.now(), passwords.hashed(passwords.random())
    user = lifecycle.create_user(form.username.data, nobody_knows, by, now, name=form.name.data, email=form.email.data)
    lifecycle.join(user, role, by, now)
    db.session.commit()
    return _rendered("access/user.html", 201, **_context(user), link=resets.link(user))


@bp.get("/<username>")
@requires(Permission.USERS_READ)
def show(username: str) -> str:
    return render_template("access/user.html", **_context(_user(username)), link="")


@bp.post("/<username>")
@requires(Permission.USERS_WRITE)
def edit(username: str) -> Response:
    user, form = _managed(username), ProfileForm()
    if not form.validate():
        return _rendered("access/user.html", 422, **_context(user) | {"form": form}, link="")
    lifecycle.edit_user(user, form.name.data, form.email.data, principal.actor, clock.now())
    db.session.commit()
    return _changed(user, _("Saved"))


@bp.post("/<username>/disable")
@requires(Permission.USERS_WRITE)
def disable(username: str) -> Response:
    user = _managed(username)
    lifecycle.disable(user, principal.actor, clock.now())
    db.session.commit()
    return _changed(user, _("%(username)s is disabled and signed out everywhere", username=user.username))


@bp.post("/<username>/enable")
@requires(Permission.USERS_WRITE)
def enable(username: str) -> Response:
    user = _managed(username)
    lifecycle.enable(user, principal.actor, clock.now())
    db.session.commit()
    return _changed(user, _("%(username)s can sign in again", username=user.username))


@bp.post("/<username>/reset")
@requires(Permission.USERS_WRITE)
def reset(username: str) -> Response:
    """The old password ends at once; the link to choose a new one is shown now and never again."""
    nobody_knows = passwords.hashed(passwords.random())
    user = _managed(username)
    lifecycle.change_password(user, nobody_knows, principal.actor, clock.now())
    db.session.commit()
    return _rendered("access/user.html", 200, **_context(user), link=resets.link(user))


@bp.post("/<username>/memberships")
@requires(Permission.USERS_WRITE)
def join(username: str) -> Response:
    user, form = _user(username), _roles(MembershipForm())
    if not form.validate():
        return _rendered("access/user.html", 422, **_context(user) | {"joining": form}, link="")
    role = get_or_404(Role, id=form.role.data)
    lifecycle.join(user, role, principal.actor, clock.now())
    db.session.commit()
    return _changed(user, _("%(username)s is %(name)s now", username=user.username, name=role.name))


@bp.post("/memberships/<int:membership_id>/role")
@requires(Permission.USERS_WRITE)
def change_role(membership_id: int) -> Response:
    membership = get_or_404(Membership, id=membership_id)
    user, form = membership.user, _roles(MembershipForm(), membership.organization_id)
    _may_touch(membership)
    if not form.validate():
        return _rendered("access/user.html", 422, **_context(user), link="")
    role = get_or_404(Role, id=form.role.data)
    lifecycle.change_role(membership, role, principal.actor, clock.now())
    db.session.commit()
    return _changed(user, _("%(username)s is %(name)s now, and was signed out", username=user.username, name=role.name))


@bp.post("/memberships/<int:membership_id>/delete")
@requires(Permission.USERS_WRITE)
def leave(membership_id: int) -> Response:
    membership = get_or_404(Membership, id=membership_id)
    user = membership.user
    _may_touch(membership)
    lifecycle.leave(membership, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved("/admin/users", _("%(username)s was removed", username=user.username))


def _user(username: str) -> User:
    user = queries.seen_user(principal, username)
    if user is None:
        raise missing(User, {"username": username})
    return user


def _managed(username: str) -> User:
    user = _user(username)
    if not queries.manageable(principal, user):
        raise forbidden(Permission.USERS_WRITE)
    return user


def _may_touch(membership: Membership) -> None:
    """Whoever has rights that one does not have oneself is out of reach, too."""
    if not principal.may_grant(membership.role.permissions, membership.organization_id):
        raise forbidden(Permission.USERS_WRITE, membership.organization_id)
    may(Permission.USERS_WRITE, org_id=membership.organization_id)


def _offered(form: UserForm) -> UserForm:
    form.role.choices = _choices()
    return form


def _roles(form: MembershipForm, organization_id: int | None = None, without: Collection[int] = ()) -> MembershipForm:
    form.role.choices = _choices(organization_id, without)
    return form


def _choices(organization_id: int | None = None, without: Collection[int] = ()) -> list[Choice]:
    """The roles that this principal may give, named with their organisation where there are several."""
    names = {org.id: org.name for org in principal.orgs}
    found = [
        role
        for role in queries.grantable(principal, queries.roles())
        if organization_id in (None, role.organization_id)
        and role.organization_id not in without
        and principal.can(Permission.USERS_WRITE, role.organization_id)
    ]
    several = len({role.organization_id for role in found}) > 1
    return choices({role.id: f"{names[role.organization_id]}: {role.name}" if several else role.name for role in found})


def _context(user: User) -> dict[str, object]:
    memberships = queries.memberships(user)
    return {
        "user": user,
        "form": ProfileForm(obj=user),
        "memberships": [
            (m, _roles(MembershipForm(formdata=None, role=m.role_id), m.organization_id)) for m in memberships
        ],
        "joining": _roles(MembershipForm(formdata=None), without={m.organization_id for m in memberships}),
        "manageable": queries.manageable(principal, user) and principal.can(Permission.USERS_WRITE),
        "sessions": queries.live_sessions(user.id, clock.now()),
    }


def _changed(user: User, text: str) -> Response:
    return htmx.moved(f"/admin/users/{user.username}", text)


def _rendered(template: str, status: int, **context: object) -> Response:
    return current_app.make_response((render_template(template, **context), status))
