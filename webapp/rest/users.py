"""The people of an organization."""

from __future__ import annotations

import re
from collections.abc import Sequence

from webapp import clock
from webapp.access import forms, lifecycle, passwords, queries
from webapp.access.guards import forbidden, get_or_404, may, missing
from webapp.access.models import Membership, Role, User
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.db import db
from webapp.objects.values import FieldErrors
from webapp.rest import etags, shapes
from webapp.rest.pages import list_of
from webapp.rest.reading import asked, body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Flag, Json, Many, Moment, Shape, Text, Value, Whole

section = Section("users", "Users", "People, and their places in organizations.")

PLACE = answered("", id=Whole(about="Of the membership."), organization=Text(), role=Text(), role_id=Whole())
USER = answered(
    "User",
    username=Text(),
    name=Text(),
    email=Text(),
    active=Flag(),
    superadmin=Flag(),
    last_login_at=Moment(null=True),
    created_at=Moment(),
    memberships=Many(of=PLACE),
)
_FACTS: dict[str, Value] = {"name": Text(longest=120, shortest=0), "email": Text(longest=254, shortest=0)}
NEW_USER = Shape(name="NewUser", fields={
    "username": Text(required=True, longest=64),
    "role_id": Whole(required=True, about="The first membership: a role of the organization."),
    "password": Text(longest=200, about="Without one, an admin's reset link lets them choose it."),
    **_FACTS,
})  # fmt: skip
CHANGED_USER = Shape(name="ChangedUser", fields=_FACTS)
ROLE = Shape(name="ChosenRole", fields={"role_id": Whole(required=True)})


@section.get(
    "/users/",
    needs=(P.USERS_READ,),
    query={"q": Text(about="A part of a name or e-mail address.")},
    answer=list_of(USER),
)
def index() -> Json:
    """List the people."""
    places: dict[int, list[Membership]] = {}
    for membership in queries.members(asked().get("q", "")):
        places.setdefault(membership.user_id, []).append(membership)
    return {"items": [_form(found[0].user, found) for found in places.values()], "next": None}


@section.post("/users/", needs=(P.USERS_WRITE,), body=NEW_USER, answer=USER, status=201)
def create() -> Answer:
    """Make a user, with a first membership."""
    given = body()
    username = _username(given["username"])
    password = _password(given, username)
    role = _role(given["role_id"])
    by, now = principal.actor, clock.now()
    user = lifecycle.create_user(
        username,
        password,
        by,
        now,
        name=given.get("name", "").strip(),
        email=_email(given),
        must_change="password" in given,
    )
    lifecycle.join(user, role, by, now)
    return Answer(_form(user), headers={"Location": f"/api/v1/users/{user.username}/"})


@section.get("/users/<username>/", needs=(P.USERS_READ,), answer=USER)
def show(username: str) -> Json:
    """Fetch a user."""
    return _form(_user(username))


@section.put("/users/<username>/", needs=(P.USERS_WRITE,), body=CHANGED_USER, answer=USER)
def edit(username: str) -> Json:
    """Change a user's name and e-mail address."""
    user = _managed(username)
    given = body()
    etags.check(_form(user))
    name = given.get("name", user.name).strip()
    lifecycle.edit_user(user, name, _email(given, user.email), principal.actor, clock.now())
    return _form(user)


@section.post("/users/<username>/disable", needs=(P.USERS_WRITE,), answer=USER)
def disable(username: str) -> Json:
    """Sign a user out everywhere and let them in no more."""
    user = _managed(username)
    lifecycle.disable(user, principal.actor, clock.now())
    return _form(user)


@section.post("/users/<username>/enable", needs=(P.USERS_WRITE,), answer=USER)
def enable(username: str) -> Json:
    """Let a user in again."""
    user = _managed(username)
    lifecycle.enable(user, principal.actor, clock.now())
    return _form(user)


@section.post("/users/<username>/memberships", needs=(P.USERS_WRITE,), body=ROLE, answer=USER, status=201)
def join(username: str) -> Answer:
    """Give a user a role in another organization."""
    user = _user(username)
    lifecycle.join(user, _role(body()["role_id"]), principal.actor, clock.now())
    return Answer(_form(user))


@section.put("/memberships/<int:membership_id>/", needs=(P.USERS_WRITE,), body=ROLE, answer=USER)
def change_role(membership_id: int) -> Json:
    """Give a user another role. They are signed out."""
    membership = _membership(membership_id)
    lifecycle.change_role(membership, _role(body()["role_id"], membership), principal.actor, clock.now())
    db.session.flush()
    db.session.expire(membership, ["role"])  # it was read before the change
    return _form(membership.user)


@section.delete("/memberships/<int:membership_id>/", needs=(P.USERS_WRITE,))
def leave(membership_id: int) -> None:
    """Take a user out of an organization."""
    lifecycle.leave(_membership(membership_id), principal.actor, clock.now())


def _user(username: str) -> User:
    user = queries.seen_user(principal, username)
    if user is None:
        raise missing(User, {"username": username})
    return user


def _managed(username: str) -> User:
    user = _user(username)
    if not queries.manageable(principal, user):
        raise forbidden(P.USERS_WRITE)
    return user


def _membership(membership_id: int) -> Membership:
    """Whoever has rights that one does not have oneself is out of reach, too."""
    membership = get_or_404(Membership, id=membership_id)
    if not principal.may_grant(membership.role.permissions, membership.organization_id):
        raise forbidden(P.USERS_WRITE, membership.organization_id)
    return membership


def _role(role_id: int, of: Membership | None = None) -> Role:
    """A role that this principal may give, in the membership's organisation if there is one."""
    found = next((role for role in queries.roles() if role.id == role_id), None)
    if found is None or (of and found.organization_id != of.organization_id):
        raise FieldErrors([{"field": "role_id", "message": f"There is no role {role_id} here"}])
    may(P.USERS_WRITE, org_id=found.organization_id)
    if not queries.grantable(principal, [found]):
        raise forbidden(P.USERS_WRITE, found.organization_id)
    return found


def _username(given: str) -> str:
    username = given.strip().lower()
    if not forms.NAME.fullmatch(username):
        raise FieldErrors([{"field": "username", "message": "Use small letters, digits, and . _ - @, like ana.silva"}])
    if queries.user_by_name(username):
        text = f"The user name {username} is taken. Choose another one"
        raise FieldErrors([{"field": "username", "message": text}])
    return username


def _password(given: Json, username: str) -> str:
    if "password" not in given:
        return passwords.hashed(passwords.random())
    if weak := passwords.weakness(given["password"], [username, given.get("name", ""), given.get("email", "")]):
        raise FieldErrors([{"field": "password", "message": weak}])
    return passwords.hashed(given["password"])


def _email(given: Json, otherwise: str = "") -> str:
    email: str = given.get("email", otherwise).strip()
    if email and not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise FieldErrors([{"field": "email", "message": "Enter an e-mail address, like ana@example.com"}])
    return email


def _form(user: User, places: Sequence[Membership] | None = None) -> Json:
    return {
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "active": user.active,
        "superadmin": user.superadmin,
        "last_login_at": clock.iso(user.last_login_at),
        "created_at": clock.iso(user.created_at),
        "memberships": [
            {
                "id": place.id,
                "organization": shapes.organization(place.organization_id),
                "role": place.role.name,
                "role_id": place.role_id,
            }
            for place in (queries.memberships(user) if places is None else places)
        ],
    }
