"""Verbs about people, their tokens and their organisations: for whoever may read the server's own settings."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

from webapp import clock, config, logs, queue
from webapp.access import forms, lifecycle, passwords, queries, tokens
from webapp.access.models import Organization, Role, User
from webapp.access.permissions import Permission
from webapp.commands.exits import FAILED, NOT_ALLOWED, NOT_FOUND, USAGE, Exit
from webapp.db import core, db, unit
from webapp.events import Actor
from webapp.refusal import Refused
from webapp.tasks import duration


@click.group()
def user() -> None:
    """Make users, change their passwords, list them."""


@user.command("create")
@click.argument("name")
@click.option("--role", default="viewer", show_default=True, help="viewer, operator, admin, or a role of your own.")
@click.option("--org", help="Short name of the organization; needed when there are several.")
@click.option("--password-file", type=click.File(), help="Its first line; - reads stdin. Without it one is made up.")
@click.option("--full-name", default="", help="How the pages call them.")
@click.option("--email", default="")
@click.option("--superadmin", is_flag=True, help="May do everything in every organization.")
def create_user(
    name: str, role: str, org: str | None, password_file: Any, full_name: str, email: str, superadmin: bool
) -> None:
    """Make a user who can sign in at once."""
    given = _password(password_file, name)
    made_up = "" if given else passwords.random()
    password_hash = passwords.hashed(given or made_up)
    if not forms.NAME.fullmatch(name.lower()):
        raise Exit(USAGE, f"{name}: use small letters, digits, and . _ - @")
    with _unit() as (by, now):
        if queries.user_by_name(name):
            raise Exit(FAILED, f"the user {name.lower()} exists")
        place = _role(_organization(org), role)
        made = lifecycle.create_user(
            name, password_hash, by, now, name=full_name, email=email, superadmin=superadmin, must_change=bool(made_up)
        )
        lifecycle.join(made, place, by, now)
    click.echo(made_up or f"{name.lower()} can sign in")


@user.command("password")
@click.argument("name")
@click.option("--password-file", type=click.File(), help="Its first line; - reads stdin. Without it one is made up.")
def password(name: str, password_file: Any) -> None:
    """Set a new password; all their sessions end."""
    given = _password(password_file, name)
    made_up = "" if given else passwords.random()
    password_hash = passwords.hashed(given or made_up)
    with _unit() as (by, now):
        lifecycle.change_password(_user(name), password_hash, by, now, must_change=bool(made_up))
    click.echo(made_up or f"{name.lower()} has a new password")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_users(as_json: bool) -> None:
    """Show everybody, and what they are where."""
    with _unit():
        rows = [_shown(each) for each in db.session.scalars(sa.select(User).order_by(User.username))]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        roles = ", ".join(f"{org}: {role}" for org, role in row["roles"].items()) or "–"
        state = "" if row["active"] else "  (disabled)"
        click.echo(f"{row['username']:<24}  {roles}{'  superadmin' if row['superadmin'] else ''}{state}")


@click.group()
def token() -> None:
    """Make API tokens."""


@token.command("create")
@click.option("--user", "owner", required=True, help="Whose token it is; it never may more than they.")
@click.option("--name", required=True, help="The program that will use it.")
@click.option("--org", help="Short name of the organization; needed when the user has several.")
@click.option(
    "--permission", "chosen", multiple=True, help="Such as tasks:create; all that the user has when left out."
)
@click.option("--expires", default="365d", show_default=True, help="Such as 12h or 30d; a year at most.")
def create_token(owner: str, name: str, org: str | None, chosen: tuple[str, ...], expires: str) -> None:
    """Make a token and print it, and nothing else."""
    life = _life(expires)
    with _unit() as (by, now):
        person = _user(owner)
        organization = _organization(org, person)
        held = tokens.rights_of(person, organization.id)
        wanted = frozenset(_permission(text) for text in chosen) or held
        if not wanted <= held or not wanted:
            lacking = ", ".join(sorted(wanted - held)) or "any permission"
            raise Exit(NOT_ALLOWED, f"{person.username} does not have {lacking} in {organization.slug}")
        text = tokens.issue(person, organization.id, name, wanted, now + life, by, now)
    click.echo(text)


@click.group()
def organization() -> None:
    """Make organizations."""


@organization.command("create")
@click.argument("name")
@click.option("--slug", help="Short name for addresses and commands; made from the name when left out.")
def create_organization(name: str, slug: str | None) -> None:
    """Make an organization with the roles viewer, operator and admin."""
    slug = (slug or "-".join(name.lower().split())).lower()
    if not forms.SLUG.fullmatch(slug):
        raise Exit(USAGE, f"{slug}: use small letters, digits and hyphens; say --slug")
    with _unit() as (by, now):
        if queries.organization_by_slug(slug):
            raise Exit(FAILED, f"the organization {slug} exists")
        lifecycle.create_organization(slug, name, by, now)
    click.echo(slug)


def enrolment_token(
    org: str | None, *, tags: list[str], max_uses: int, expires: str, note: str, network: str, approval: bool = False
) -> str:  # fmt: skip
    """A token that lets hosts in, made beside the database."""
    from webapp.agents import enrolment

    life = _length(expires)
    with _unit() as (by, now):
        try:
            return enrolment.create_token(
                _organization(org).id,
                by,
                now,
                tags=tags,
                max_uses=max_uses,
                expires_in=life,
                note=note,
                network=network,
                approval=approval,
            )[0]
        except Refused as refusal:
            raise Exit(USAGE, refusal.text) from None


@contextmanager
def _unit() -> Iterator[tuple[Actor, datetime]]:
    settings = config.load()
    logs.setup(settings, "command")  # on stderr: what is printed is for scripts
    queue.connect(settings)  # running servers learn of changed rights by it
    app = core(settings)
    try:
        with unit(app, "command line"):
            yield Actor("system", f"command line ({getpass.getuser()})"), clock.now()
    except (OperationalError, ProgrammingError) as error:
        raise Exit(FAILED, f"the database cannot be used; run `muster migrate` first ({error.orig})") from None
    finally:
        with app.app_context():
            db.engine.dispose()


def _password(file: Any, name: str) -> str:
    if file is None:
        return ""
    given = file.readline().rstrip("\r\n")
    if not given or len(given) > passwords.LONGEST:
        raise Exit(USAGE, f"the password file must start with a line of 1 to {passwords.LONGEST} characters")
    if weak := passwords.weakness(given, [name]):
        click.echo(f"Warning: {weak}", err=True)  # who may run this may also decide that
    return str(given)


def _user(name: str) -> User:
    found = queries.user_by_name(name)
    if found is None:
        raise Exit(NOT_FOUND, f"there is no user {name}")
    return found


def _organization(slug: str | None, person: User | None = None) -> Organization:
    """The named one; else the only one, of this person or at all."""
    if slug:
        if found := queries.organization_by_slug(slug):
            return found
        raise Exit(NOT_FOUND, f"there is no organization {slug}")
    theirs = [membership.organization for membership in queries.memberships(person)] if person else []
    choices = theirs or list(queries.organizations())
    if len(choices) != 1:
        raise Exit(USAGE, f"say --org: {', '.join(each.slug for each in choices) or 'there is no organization yet'}")
    return choices[0]


def _role(organization: Organization, name: str) -> Role:
    roles = db.session.scalars(sa.select(Role).where(Role.organization_id == organization.id).order_by(Role.id)).all()
    for role in roles:
        if name.lower() in (role.builtin, role.name.lower()):
            return role
    raise Exit(NOT_FOUND, f"{organization.slug} has no role {name}; it has {', '.join(r.name for r in roles)}")


def _permission(text: str) -> Permission:
    full = text if text.startswith("endpoints:") else f"endpoints:{text}"
    try:
        return Permission(full)
    except ValueError:
        raise Exit(USAGE, f"{text} is no permission; they look like tasks:create") from None


def _life(text: str) -> timedelta:
    life = _length(text)
    if not timedelta(0) < life <= tokens.LONGEST:
        raise Exit(USAGE, "--expires: a token lives for a year at most")
    return life


def _length(text: str) -> timedelta:
    try:
        return timedelta(seconds=duration.seconds(text))
    except (ValueError, OverflowError) as error:
        raise Exit(USAGE, f"--expires {text}: {error}") from None


def _shown(person: User) -> dict[str, Any]:
    roles = {each.organization.slug: each.role.name for each in queries.memberships(person)}
    return {
        "username": person.username,
        "name": person.name,
        "active": person.active,
        "superadmin": person.superadmin,
        "roles": roles,
    }
