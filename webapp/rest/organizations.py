"""Organizations: the ones that one sees, and for superadmins new ones."""

from __future__ import annotations

from webapp import clock
from webapp.access import forms, lifecycle, queries
from webapp.access.guards import may, missing
from webapp.access.models import Organization
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.db import db
from webapp.objects.values import FieldErrors
from webapp.rest import etags
from webapp.rest.pages import list_of
from webapp.rest.reading import body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Flag, Json, Moment, Shape, Text, Whole

section = Section("organizations", "Organizations", "A tenant. Whatever belongs to another one answers 404.")

APPROVE = Flag(about="Agents that enrol wait until somebody approves them.")
ORGANIZATION = answered(
    "Organization", id=Whole(), slug=Text(), name=Text(), approve_agents=APPROVE, created_at=Moment()
)
NAME = Text(required=True, longest=120)
NEW_ORGANIZATION = Shape(name="NewOrganization", fields={"slug": Text(required=True, longest=64), "name": NAME})
RENAMED = Shape(name="RenamedOrganization", fields={"name": NAME, "approve_agents": APPROVE})


@section.get("/organizations/", needs=(P.SETTINGS_READ,), answer=list_of(ORGANIZATION))
def index() -> Json:
    """List the organizations."""
    seen = {org.id for org in principal.orgs if principal.can(P.SETTINGS_READ, org.id)}
    return {"items": [_form(each) for each in queries.organizations() if each.id in seen], "next": None}


@section.post("/organizations/", superadmin=True, body=NEW_ORGANIZATION, answer=ORGANIZATION, status=201)
def create() -> Answer:
    """Make an organization, with its three first roles."""
    given = body()
    slug = given["slug"].strip().lower()
    if not forms.SLUG.fullmatch(slug):
        raise FieldErrors([{"field": "slug", "message": "Use small letters, digits and hyphens, like acme-labs"}])
    if queries.organization_by_slug(slug):
        raise FieldErrors([{"field": "slug", "message": f"The short name {slug} is taken. Choose another one"}])
    made = lifecycle.create_organization(slug, given["name"].strip(), principal.actor, clock.now())
    return Answer(_form(made), headers={"Location": f"/api/v1/organizations/{slug}/"})


@section.get("/organizations/<slug>/", needs=(P.SETTINGS_READ,), answer=ORGANIZATION)
def show(slug: str) -> Json:
    """Fetch an organization."""
    return _form(_found(slug, P.SETTINGS_READ))


@section.put("/organizations/<slug>/", needs=(P.SETTINGS_WRITE,), body=RENAMED, answer=ORGANIZATION)
def rename(slug: str) -> Json:
    """Rename an organization, and say whether its new agents wait for approval. Its short name stays."""
    organization = _found(slug, P.SETTINGS_WRITE)
    given, now = body(), clock.now()
    etags.check(_form(organization))
    lifecycle.rename_organization(organization, given["name"].strip(), principal.actor, now)
    wanted = given.get("approve_agents", organization.approve_agents)
    lifecycle.approve_agents(organization, wanted, principal.actor, now)
    return _form(organization)


def _found(slug: str, permission: P) -> Organization:
    org = next((org for org in principal.orgs if slug in (org.slug, str(org.id))), None)
    if org is None:
        raise missing(Organization, {"slug": slug})
    may(permission, org_id=org.id)
    return db.session.get_one(Organization, org.id, with_for_update=permission == P.SETTINGS_WRITE)


def _form(organization: Organization) -> Json:
    return {
        "id": organization.id,
        "slug": organization.slug,
        "name": organization.name,
        "approve_agents": organization.approve_agents,
        "created_at": clock.iso(organization.created_at),
    }
