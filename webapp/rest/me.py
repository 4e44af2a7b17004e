"""Who asks, and what they may do where: for a program that checks its token."""

from __future__ import annotations

from webapp.access.principal import principal
from webapp.rest.section import Section
from webapp.rest.shapes import answered
from webapp.rest.values import Flag, Json, Many, Text

section = Section("me", "Who am I", "Send a token as `Authorization: Bearer …`, or as `X-API-Key`.")

PLACE = answered("", organization=Text(about="Its short name."), name=Text(), role=Text(), permissions=Many(of=Text()))
ME = answered(
    "Me",
    kind=Text(choices=("user", "token")),
    name=Text(),
    username=Text(),
    superadmin=Flag(),
    organizations=Many(of=PLACE),
)


@section.get("/me/", answer=ME)
def show() -> Json:
    """Fetch who is asking.

    With the organizations and permissions of this token or session.
    """
    return {
        "kind": principal.kind,
        "name": principal.name,
        "username": principal.username,
        "superadmin": principal.superadmin,
        "organizations": [
            {
                "organization": org.slug,
                "name": org.name,
                "role": org.role,
                "permissions": sorted(principal.rights.get(org.id, ())),
            }
            for org in principal.orgs
        ],
    }
