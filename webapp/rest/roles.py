"""Roles: named sets of permissions of an organization."""

from __future__ import annotations

from collections.abc import Iterable

from webapp import clock
from webapp.access import lifecycle, queries
from webapp.access.guards import choose_organization, forbidden, get_or_404
from webapp.access.models import Role
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.rest import etags, shapes
from webapp.rest.pages import list_of
from webapp.rest.reading import body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Json, Many, Shape, Text, Whole

section = Section("roles", "Roles", "Viewer, Operator and Admin come with Muster; others are made of permissions.")

ROLE = answered(
    "Role", id=Whole(), name=Text(), builtin=Text(null=True), permissions=Many(of=Text()), organization=Text()
)
_FIELDS = {
    "name": Text(required=True, longest=64),
    "permissions": Many(of=Text(choices=tuple(P)), required=True, about="Never more than you have yourself."),
}
NEW_ROLE = Shape(name="NewRole", fields=_FIELDS | {"organization": Text(about="Default: the token's own.")})
CHANGED_ROLE = Shape(name="ChangedRole", fields=_FIELDS)


@section.get("/roles/", needs=(P.USERS_READ,), answer=list_of(ROLE))
def index() -> Json:
    """List the roles."""
    return {"items": [_form(role) for role in queries.roles()], "next": None}


@section.post("/roles/", needs=(P.USERS_WRITE,), body=NEW_ROLE, answer=ROLE, status=201)
def create() -> Answer:
    """Make a role."""
    given = body()
    organization_id = choose_organization(given.get("organization"), P.USERS_WRITE)
    permissions = granted(given["permissions"], organization_id)
    role = lifecycle.create_role(organization_id, given["name"].strip(), permissions, principal.actor, clock.now())
    return Answer(_form(role), headers={"Location": f"/api/v1/roles/{role.id}/"})


@section.get("/roles/<int:role_id>/", needs=(P.USERS_READ,), answer=ROLE)
def show(role_id: int) -> Json:
    """Fetch a role."""
    return _form(get_or_404(Role, id=role_id))


@section.put("/roles/<int:role_id>/", needs=(P.USERS_WRITE,), body=CHANGED_ROLE, answer=ROLE)
def edit(role_id: int) -> Json:
    """Change a role of one's own making. Its people have the new rights from their next request on."""
    role = get_or_404(Role, id=role_id)
    given = body()
    etags.check(_form(role))
    permissions = granted(given["permissions"], role.organization_id)
    lifecycle.edit_role(role, given["name"].strip(), permissions, principal.actor, clock.now())
    return _form(role)


@section.delete("/roles/<int:role_id>/", needs=(P.USERS_WRITE,))
def delete(role_id: int) -> None:
    """Delete a role that nobody has."""
    role = get_or_404(Role, id=role_id)
    etags.check(_form(role))
    lifecycle.delete_role(role, principal.actor, clock.now())


def granted(names: Iterable[str], organization_id: int) -> frozenset[P]:
    """403 for whoever would give away more than they have."""
    wanted = frozenset(P(name) for name in names)
    if not principal.may_grant(wanted, organization_id):
        raise forbidden(min(wanted - principal.rights.get(organization_id, frozenset())), organization_id)
    return wanted


def _form(role: Role) -> Json:
    return {
        "id": role.id,
        "name": role.name,
        "builtin": role.builtin,
        "permissions": sorted(role.permissions),
        "organization": shapes.organization(role.organization_id),
    }
