"""Roles of an organisation: the built-in ones to look at, own ones to make."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template, request

from webapp import clock, htmx
from webapp.access import lifecycle, queries
from webapp.access.forms import RoleForm
from webapp.access.guards import choose_organization, forbidden, get_or_404, requires
from webapp.access.models import Role
from webapp.access.permissions import Permission, read
from webapp.access.principal import principal
from webapp.db import db
from webapp.language import _

bp = Blueprint("roles", __name__, url_prefix="/admin/roles")


@bp.get("/")
@requires(Permission.USERS_READ)
def index() -> str:
    names = {org.id: org.name for org in principal.orgs}
    return render_template("access/roles.html", roles=queries.roles(), holders=queries.holders(), names=names)


@bp.get("/new")
@requires(Permission.USERS_WRITE)
def new() -> str:
    return render_template("access/role.html", form=_form(), role=None, orgs=_where())


@bp.post("/")
@requires(Permission.USERS_WRITE)
def create() -> Response:
    organization_id = choose_organization(request.form.get("organization"), Permission.USERS_WRITE)
    form = _form()
    if not form.validate():
        return _again(form, None)
    role = lifecycle.create_role(
        organization_id, form.name.data, _granted(form, organization_id), principal.actor, clock.now()
    )
    db.session.commit()
    return htmx.moved("/admin/roles", _("Role %(name)s created", name=role.name))


@bp.get("/<int:role_id>")
@requires(Permission.USERS_READ)
def show(role_id: int) -> str:
    role = get_or_404(Role, id=role_id)
    form = _form(data={"name": role.name, "permissions": [str(p) for p in role.permissions]})
    return render_template("access/role.html", form=form, role=role, orgs=[])


@bp.post("/<int:role_id>")
@requires(Permission.USERS_WRITE)
def edit(role_id: int) -> Response:
    role, form = get_or_404(Role, id=role_id), _form()
    if not form.validate():
        return _again(form, role)
    granted = _granted(form, role.organization_id)
    lifecycle.edit_role(role, form.name.data, granted, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved("/admin/roles", _("Role %(name)s saved", name=role.name))


@bp.post("/<int:role_id>/delete")
@requires(Permission.USERS_WRITE)
def delete(role_id: int) -> Response:
    role = get_or_404(Role, id=role_id)
    lifecycle.delete_role(role, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved("/admin/roles", _("Role %(name)s deleted", name=role.name))


def _form(data: dict[str, object] | None = None) -> RoleForm:
    form = RoleForm(data=data)
    form.offer(Permission)
    return form


def _where() -> list[tuple[str, str]]:
    allowed = principal.org_ids_with(Permission.USERS_WRITE)
    return [(org.slug, org.name) for org in principal.orgs if org.id in allowed]


def _granted(form: RoleForm, organization_id: int) -> frozenset[Permission]:
    wanted = read(form.permissions.data or [])
    if not principal.may_grant(wanted, organization_id):
        raise forbidden(next(iter(wanted - principal.rights[organization_id])), organization_id)
    return wanted


def _again(form: RoleForm, role: Role | None) -> Response:
    page = render_template("access/role.html", form=form, role=role, orgs=[] if role else _where())
    return current_app.make_response((page, 422))
