"""`muster user`, `muster token` and `muster organization`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from tests.agent_api.caller import enrol
from tests.browser import Browser
from tests.cast import PASSWORD, Cast
from webapp import cli, config
from webapp.access.models import Audit, Membership, Organization, Token, User
from webapp.access.permissions import OPERATOR
from webapp.commands import exits
from webapp.config import Settings

Muster = Callable[..., Result]


@pytest.fixture
def muster(settings: Settings, session: Session, own_logs: None) -> Muster:
    def call(*words: str, stdin: str = "") -> Result:
        session.commit()
        session.expire_all()
        own: dict[str, str | None] = {field.metadata["env"]: None for field in config.settings_fields()}
        own |= {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "MUSTER_DATA": str(settings.data),
        }
        return CliRunner().invoke(cli.muster, words, env=own, input=stdin)

    return call


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("eleven green bottles\nmore\n")
    return str(path)


def sign_in(client: Browser, name: str, password: str) -> int:
    client.forget().get("/login")
    return client.post("/login", data={"username": name, "password": password}).status_code


def test_a_user_is_made_and_can_sign_in(muster: Muster, client: Browser, session: Session, password_file: str) -> None:
    answer = muster("user", "create", "Nina", "--role", "operator", "--org", "acme", "--password-file", password_file)
    assert (answer.exit_code, answer.output) == (exits.OK, "nina can sign in\n")
    assert sign_in(client, "nina", "eleven green bottles") == 303
    row = session.query(Audit).filter_by(action="user.create").order_by(Audit.id.desc()).first()
    assert row and row.object == "user nina" and row.actor.startswith("command line (")


def test_the_password_may_come_from_stdin(muster: Muster, client: Browser) -> None:
    words = ("user", "create", "nina", "--org", "acme", "--password-file", "-")
    assert muster(*words, stdin="eleven green bottles\n").exit_code == exits.OK
    assert sign_in(client, "nina", "eleven green bottles") == 303


def test_without_one_it_is_made_up_and_must_be_changed(muster: Muster, client: Browser, session: Session) -> None:
    made_up = muster("user", "create", "nina", "--org", "acme").output.strip()
    assert sign_in(client, "nina", made_up) == 303
    assert client.get("/admin/users").location == "/me/password"


def test_a_weak_one_is_taken_with_a_warning(muster: Muster, client: Browser) -> None:
    answer = muster("user", "create", "nina", "--org", "acme", "--password-file", "-", stdin="short\n")
    assert answer.exit_code == exits.OK and "Warning: Use 12 characters or more" in answer.output
    assert sign_in(client, "nina", "short") == 303


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("user", "create", "alice", "--org", "acme"), exits.FAILED, "the user alice exists"),
        (("user", "create", "a b", "--org", "acme"), exits.USAGE, "small letters"),
        (("user", "create", "nina"), exits.USAGE, "say --org: acme, globex"),
        (("user", "create", "nina", "--org", "x"), exits.NOT_FOUND, "there is no organization x"),
        (("user", "create", "nina", "--org", "acme", "--role", "x"), exits.NOT_FOUND, "Viewer, Operator, Admin"),
        (("user", "create", "nina", "--org", "acme", "--password-file", "-"), exits.USAGE, "1 to 128"),
        (("user", "password", "nobody"), exits.NOT_FOUND, "there is no user nobody"),
        (("token", "create", "--user", "nobody", "--name", "x"), exits.NOT_FOUND, "there is no user nobody"),
        (("token", "create", "--user", "bea", "--name", "x"), exits.USAGE, "say --org: acme, globex"),
        (
            ("token", "create", "--user", "vera", "--name", "x", "--permission", "tasks:create"),
            exits.NOT_ALLOWED,
            "vera",
        ),
        (("token", "create", "--user", "mallory", "--name", "x", "--org", "acme"), exits.NOT_ALLOWED, "any permission"),
        (("token", "create", "--user", "vera", "--name", "x", "--permission", "x"), exits.USAGE, "tasks:create"),
        (("token", "create", "--user", "vera", "--name", "x", "--expires", "2y"), exits.USAGE, "90s, 15m"),
        (("token", "create", "--user", "vera", "--name", "x", "--expires", "366d"), exits.USAGE, "a year at most"),
        (("organization", "create", "Acme"), exits.FAILED, "the organization acme exists"),
        (("organization", "create", "Ä"), exits.USAGE, "say --slug"),
    ],
)
def test_what_cannot_be_done_says_why(
    muster: Muster, session: Session, words: tuple[str, ...], code: int, text: str
) -> None:
    answer = muster(*words)
    assert (answer.exit_code, text in answer.output) == (code, True), answer.output
    assert (session.query(User).count(), session.query(Token).count()) == (6, 0)


def test_a_new_password_ends_every_session(muster: Muster, client: Browser, password_file: str) -> None:
    client.login("vera")
    assert client.get("/me").status_code == 200
    assert muster("user", "password", "vera", "--password-file", password_file).exit_code == exits.OK
    assert client.get("/me").status_code == 302
    assert sign_in(client, "vera", PASSWORD) == 422
    assert sign_in(client, "vera", "eleven green bottles") == 303


def test_everybody_is_listed(muster: Muster) -> None:
    lines = muster("user", "list").output.splitlines()
    assert [line.split()[0] for line in lines] == sorted(["alice", "oscar", "vera", "bea", "mallory", "sid"])
    rows = {row["username"]: row for row in json.loads(muster("user", "list", "--json").output)}
    assert rows["bea"]["roles"] == {"acme": "Operator", "globex": "Viewer"}
    assert rows["sid"]["superadmin"] and rows["sid"]["active"]


def test_a_token_is_printed_alone_and_works(muster: Muster, client: Browser, session: Session, cast: Cast) -> None:
    answer = muster(
        "token", "create", "--user", "alice", "--name", "ci", "--expires", "30d", "--permission", "users:read"
    )
    assert answer.exit_code == exits.OK and answer.output.startswith("tok_") and answer.output.count("\n") == 1
    bearer = {"Authorization": f"Bearer {answer.output.strip()}", "Accept": "application/json"}
    assert client.get("/admin/users", headers=bearer).status_code == 200
    assert client.get("/admin/roles/new", headers=bearer).status_code == 403
    token = session.query(Token).one()
    assert (token.organization_id, token.chosen) == (cast.acme, ["endpoints:users:read"])


def test_nothing_but_the_token_is_printed_while_the_broker_is_away(muster: Muster, settings: Settings) -> None:
    own = {"REDIS_URL": "unix:///nowhere/broker.sock", "DATABASE_URL": settings.database_url}
    answer = CliRunner().invoke(cli.muster, ["token", "create", "--user", "oscar", "--name", "ci"], env=own)
    assert answer.stdout.startswith("tok_") and answer.stdout.count("\n") == 1


def test_it_has_all_that_its_owner_has_when_nothing_is_said(muster: Muster, session: Session) -> None:
    muster("token", "create", "--user", "oscar", "--name", "ci")
    assert session.query(Token).one().permissions == OPERATOR


def test_an_organisation_is_made(muster: Muster, session: Session) -> None:
    assert muster("organization", "create", "New Labs").output == "new-labs\n"
    made = session.query(Organization).filter_by(slug="new-labs").one()
    assert made.name == "New Labs"
    assert session.query(Membership).filter_by(organization_id=made.id).count() == 0


@pytest.mark.usefixtures("own_logs")
def test_without_a_database_it_says_what_to_do(tmp_path: Path) -> None:
    own: dict[str, str | None] = {field.metadata["env"]: None for field in config.settings_fields()}
    answer = CliRunner().invoke(cli.muster, ["user", "list"], env=own | {"MUSTER_DATA": str(tmp_path)})
    assert answer.exit_code == exits.FAILED and "muster migrate" in answer.output


def test_an_enrolment_token_is_made_beside_the_database(muster: Muster, client: Browser, session: Session) -> None:
    assert "say --org: acme, globex" in muster("enrolment-token", "create").output
    made = muster("enrolment-token", "create", "--org", "acme", "-t", "web", "--uses", "2", "--expires", "12h")
    assert made.exit_code == exits.OK and made.output.startswith("enr_") and made.output.count("\n") == 1
    answer = enrol(client, made.output.strip(), "web-1")
    assert answer.status_code == 201 and answer.json["organization"] == "acme"
    wrong = muster("enrolment-token", "create", "--org", "acme", "--uses", "0")
    assert (wrong.exit_code, "lets 1 to 1,000 hosts in" in wrong.output) == (exits.USAGE, True)
