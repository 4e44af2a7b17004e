"""Organisations: their admins see and rename their own, a superadmin makes new ones."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template

from webapp import clock, htmx
from webapp.access import lifecycle, queries
from webapp.access.forms import NewOrganizationForm, OrganizationForm
from webapp.access.guards import may, missing, requires
from webapp.access.models import Organization
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.language import _

bp = Blueprint("organizations", __name__, url_prefix="/admin/organizations")


@bp.get("/")
@requires(Permission.SETTINGS_READ)
def index() -> str:
    return _list(NewOrganizationForm())


@bp.post("/")
@requires(superadmin=True)
def create() -> Response:
    form = NewOrganizationForm()
    if not form.validate():
        return current_app.make_response((_list(form), 422))
    lifecycle.create_organization(form.slug.data, form.name.data, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved("/admin/organizations", _("Organization %(data)s created", data=form.name.data))


@bp.get("/<slug>")
@requires(Permission.SETTINGS_READ)
def show(slug: str) -> str:
    organization = _found(slug, Permission.SETTINGS_READ)
    return render_template(
        "access/organization.html", form=OrganizationForm(obj=organization), organization=organization
    )


@bp.post("/<slug>")
@requires(Permission.SETTINGS_WRITE)
def rename(slug: str) -> Response:
    organization, form = _found(slug, Permission.SETTINGS_WRITE), OrganizationForm()
    if not form.validate():
        page = render_template("access/organization.html", form=form, organization=organization)
        return current_app.make_response((page, 422))
    lifecycle.rename_organization(organization, form.name.data, principal.actor, clock.now())
    lifecycle.approve_agents(organization, form.approve_agents.data, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved("/admin/organizations", _("Saved"))


def _list(form: NewOrganizationForm) -> str:
    seen = {org.id for org in principal.orgs if principal.can(Permission.SETTINGS_READ, org.id)}
    found = [organization for organization in queries.organizations() if organization.id in seen]
    return render_template("access/organizations.html", organizations=found, form=form)


def _found(slug: str, permission: Permission) -> Organization:
    org = next((org for org in principal.orgs if org.slug == slug), None)
    if org is None:
        raise missing(Organization, {"slug": slug})
    may(permission, org_id=org.id)
    return db.session.get_one(Organization, org.id)
