"""People, roles, organisations, tokens and the audit log over the API: with the rules that the pages have."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tests.cast import Cast, role_of
from tests.rest.conftest import Api, Program

ALL = "endpoints:users:write"


def test_who_asks_learns_their_rights(api: Api) -> None:
    me = api("viewer", "endpoints:tasks:read").get("/me/").json
    assert (me["kind"], me["superadmin"]) == ("token", False) and me["username"].startswith("vera/")
    (place,) = me["organizations"]
    assert (place["organization"], place["permissions"]) == ("acme", ["endpoints:tasks:read"])


def test_people_of_ones_own_organization(api: Api) -> None:
    found = {user["username"]: user for user in api("admin").get("/users/").json["items"]}
    assert set(found) == {"alice", "oscar", "vera", "bea"}
    assert [place["role"] for place in found["vera"]["memberships"]] == ["Viewer"]
    assert api("admin").get("/users/vera").json == found["vera"]
    assert api("admin").get("/users/mallory").status_code == 404
    assert api("operator").get("/users/").status_code == 403
    assert [user["username"] for user in api("admin").get("/users/?q=VER").json["items"]] == ["vera"]


def test_a_new_user_signs_in(api: Api, session: Session, cast: Cast) -> None:
    role = role_of(cast.acme, "viewer").id
    body = {"username": "Nina", "name": "Nina", "role_id": role, "password": "four green bicycles"}
    answer = api("admin").post("/users/", body)
    assert answer.status_code == 201 and answer.json["username"] == "nina"
    client = api().client
    client.get("/login")
    assert client.post("/login", data={"username": "nina", "password": body["password"]}).status_code == 303


def test_a_user_that_cannot_be_made_names_its_fields(api: Api, session: Session, cast: Cast) -> None:
    def wrong(**facts: object) -> set[str]:
        body = {"username": "nina", "role_id": role_of(cast.acme, "viewer").id} | facts
        return {error["field"] for error in api("admin").post("/users/", body).json["errors"]}

    assert wrong(username="vera") == wrong(username="A B") == {"username"}
    assert wrong(password="short") == {"password"}
    assert wrong(email="nobody") == {"email"}
    assert wrong(role_id=role_of(cast.globex, "viewer").id) == wrong(role_id=999) == {"role_id"}


def test_a_user_is_changed_and_shut_out(api: Api, session: Session, cast: Cast) -> None:
    admin = api("admin")
    seen = admin.get("/users/vera/").headers["ETag"]
    assert admin.put("/users/vera/", {"name": "Vera K"}, headers={"If-Match": seen}).json["name"] == "Vera K"
    assert admin.put("/users/vera/", {"name": "V"}, headers={"If-Match": seen}).status_code == 412
    token = api("viewer")
    assert token.get("/me/").status_code == 200
    assert admin.post("/users/vera/disable").json["active"] is False
    assert token.get("/me/").status_code == 401
    assert admin.post("/users/vera/enable").json["active"] is True


def test_who_can_do_more_is_out_of_reach(api: Api, session: Session, cast: Cast) -> None:
    """A narrow token of an admin's must not become the admin."""
    narrow = api("admin", "endpoints:users:read", ALL)
    assert narrow.post("/users/vera/disable").status_code == 403
    assert narrow.post("/users/", {"username": "nina", "role_id": role_of(cast.acme, "admin").id}).status_code == 403
    assert api("admin").post("/users/bea/disable").status_code == 403  # a viewer of Globex, too


def membership(program: Program, username: str) -> int:
    return program.get(f"/users/{username}/").json["memberships"][0]["id"]


def test_places_in_organizations(api: Api, session: Session, cast: Cast) -> None:
    admin = api("admin")
    place, operator = membership(admin, "vera"), role_of(cast.acme, "operator").id
    assert admin.put(f"/memberships/{place}/", {"role_id": operator}).json["memberships"][0]["role"] == "Operator"
    foreign = {"role_id": role_of(cast.globex, "admin").id}
    assert admin.put(f"/memberships/{place}/", foreign).status_code == 422
    assert admin.delete(f"/memberships/{place}/").status_code == 204
    assert admin.get("/users/vera/").status_code == 404
    assert api("foreign").delete(f"/memberships/{membership(admin, 'oscar')}/").status_code == 404


def test_roles(api: Api, session: Session, cast: Cast) -> None:
    admin = api("admin")
    body = {"name": "Watcher", "permissions": ["endpoints:tasks:read"]}
    role = admin.post("/roles/", body).json
    assert role["builtin"] is None and role["permissions"] == body["permissions"]
    assert admin.put(f"/roles/{role['id']}/", body | {"name": "Guard"}).json["name"] == "Guard"
    assert [each["name"] for each in admin.get("/roles/").json["items"]][-1] == "Guard"
    builtin = role_of(cast.acme, "viewer").id
    assert admin.put(f"/roles/{builtin}/", body).json["reason"] == "builtin"
    assert admin.delete(f"/roles/{builtin}/").json["reason"] == "in_use"
    assert admin.delete(f"/roles/{role['id']}/").status_code == 204
    narrow = api("admin", "endpoints:users:read", ALL)
    assert narrow.post("/roles/", body).status_code == 403
    assert admin.post("/roles/", {"name": "X", "permissions": ["endpoints:everything"]}).status_code == 422


def test_organizations(api: Api, client, session: Session) -> None:  # type: ignore[no-untyped-def]
    admin = api("admin")
    assert [each["slug"] for each in admin.get("/organizations/").json["items"]] == ["acme"]
    assert admin.get("/organizations/globex/").status_code == 404
    assert admin.put("/organizations/acme/", {"name": "Acme Ltd"}).json["name"] == "Acme Ltd"
    assert admin.post("/organizations/", {"slug": "new", "name": "New"}).status_code == 403
    client.login("sid")
    answer = client.post("/api/v1/organizations/", json={"slug": "new", "name": "New"})
    assert (answer.status_code, answer.json["slug"]) == (201, "new")
    again = client.post("/api/v1/organizations/", json={"slug": "new", "name": "New"})
    assert again.json["errors"][0]["field"] == "slug"


def test_tokens_make_tokens_that_are_worth_no_more(api: Api, session: Session) -> None:
    rights = ("endpoints:tokens:read", "endpoints:tokens:create", "endpoints:tokens:delete", "endpoints:tasks:read")
    program = api("admin", *rights)
    body = {"name": "ci", "permissions": ["endpoints:tasks:read"], "expires": "12h"}
    token = program.post("/tokens/", body).json
    assert Program(program.client.application, token["token"]).get("/tasks/").status_code == 200
    assert program.post("/tokens/", body | {"permissions": ["endpoints:tasks:create"]}).status_code == 403
    assert program.post("/tokens/", body | {"expires": "366d"}).json["errors"][0]["field"] == "expires"
    listed = {each["id"]: each for each in program.get("/tokens/").json["items"]}
    assert "token" not in listed[token["id"]] and len(listed) == 2
    assert program.delete(f"/tokens/{token['id']}/").status_code == 204
    assert Program(program.client.application, token["token"]).get("/tasks/").status_code == 401


def test_tokens_of_others_are_not_there(api: Api, session: Session) -> None:
    body = {"name": "ci", "permissions": ["endpoints:tasks:read"]}
    token = api("admin").post("/tokens/", body).json
    assert api("foreign").delete(f"/tokens/{token['id']}/").status_code == 404


def test_the_audit_log_comes_in_pieces(api: Api, session: Session) -> None:
    admin = api("admin")
    for number in range(3):
        admin.post("/limits/", {"name": f"l{number}", "max": 1})
    piece = admin.get("/audit/?action=limit&limit=2").json
    rest = admin.get(f"/audit/?action=limit&limit=2&cursor={piece['next']}").json
    assert [entry["object"] for entry in [*piece["items"], *rest["items"]]] == ["limit l2", "limit l1", "limit l0"]
    assert rest["next"] is None and piece["items"][0]["actor"].startswith("alice/")
    assert api("operator").get("/audit/").status_code == 403
