"""Every route × everybody: anonymous, each role, a superadmin, a foreign admin. Nothing is listed by hand.

What a route expects is written on its view (`@requires`, `@public`); here it is tried.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from tests.browser import Browser
from tests.cast import PEOPLE, Cast
from tests.samples import PERSONAL, SAMPLES, SHARED
from webapp.access.guards import Access, check, public, requires
from webapp.access.permissions import ADMIN, ROLES, Permission

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
REFUSED = {401, 403}
ROLE_OF = {"alice": "admin", "oscar": "operator", "vera": "viewer", "mallory": "admin"}


def routes(app: Flask) -> Iterator[tuple[Rule, str, Access]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, app.view_functions[rule.endpoint].access  # type: ignore[attr-defined]


def for_agents(rule: Rule) -> bool:
    """Agents have keys of their own: tests/agent_api/test_keys.py asks each of these routes without one."""
    return rule.rule.startswith("/agent/v1/")


def rights(who: str) -> frozenset[Permission]:
    return ADMIN if who == "sid" else ROLES[ROLE_OF[who]]


def allowed(access: Access, who: str) -> bool:
    return not (access.superadmin and who != "sid") and set(access.permissions) <= rights(who)


class Urls:
    """Addresses of things in one organisation: a fresh thing for each change, one for all reading."""

    def __init__(self, organization_id: int, session: Session) -> None:
        self.organization_id, self.session = organization_id, session
        self.seen: dict[str, object] = {}

    def of(self, rule: Rule, method: str) -> str:
        values = {name: self.sample(name, method) for name in rule.arguments}
        self.session.commit()
        return str(rule.build(values, append_unknown=False)[1])  # type: ignore[index]

    def sample(self, name: str, method: str) -> object:
        if method in CHANGING:
            return SAMPLES[name](self.organization_id)
        if name not in self.seen:
            self.seen[name] = SAMPLES[name](self.organization_id)
        return self.seen[name]


def test_every_parameter_has_a_sample(app: Flask) -> None:
    assert {name for rule in app.url_map.iter_rules() for name in rule.arguments} <= SAMPLES.keys()


def test_a_view_that_says_nothing_stops_the_start(app: Flask) -> None:
    fresh = Flask("fresh")
    fresh.add_url_rule("/forgotten", "forgotten", lambda: "")
    with pytest.raises(RuntimeError, match="forgotten"):
        check(fresh)


def test_what_everybody_may_call_is_known(app: Flask) -> None:
    """A new public view is a decision: it is named here, too."""
    found = {rule.endpoint for rule, _, access in routes(app) if access.public and not for_agents(rule)}
    assert found == {
        "agent_install.program", "agent_install.script",
        "health.healthz", "health.readyz", "metrics.metrics", "static.static", "static.favicon",
        "login.show", "login.sign_in", "login.reset", "api.documents.document", "api.documents.reference",
    }  # fmt: skip


def test_what_changes_something_needs_a_changing_permission(app: Flask) -> None:
    """`@requires(TASKS_READ)` on a POST would let every viewer change tasks."""
    weak = [
        f"{method} {rule.rule}"
        for rule, method, access in routes(app)
        if method in CHANGING and not access.public and not access.reading and access.permissions
        and all(permission.verb == "read" for permission in access.permissions)
    ]  # fmt: skip
    assert not weak


def test_nobody_gets_in_without_signing_in(app: Flask, client: Browser, session: Session, cast: Cast) -> None:
    urls = Urls(cast.acme, session)
    for rule, method, access in routes(app):
        if access.public:
            continue
        url = urls.of(rule, method)
        page = client.open(url, method=method)
        assert page.status_code in (302, 303, 401), (method, url, page.status_code)
        assert page.status_code == 401 or page.location.startswith("/login?next="), (method, url)
        assert client.htmx(method, url).status_code == 401, (method, url)


@pytest.mark.parametrize("who", [*ROLE_OF, "sid"])
def test_each_role_may_do_what_it_may(app: Flask, client: Browser, session: Session, cast: Cast, who: str) -> None:
    urls = Urls(cast.globex if who == "mallory" else cast.acme, session)
    client.login(who)
    for rule, method, access in routes(app):
        if access.public or rule.endpoint == "login.logout":
            continue
        url = urls.of(rule, method)
        status = client.open(url, method=method).status_code
        assert status < 500, (method, url, status)
        if not allowed(access, who):
            assert status == 403, (method, url, status)
        elif not rule.arguments:
            assert status not in REFUSED, (method, url, status)
        elif rule.arguments & PERSONAL:
            assert status == 404, (method, url, status)
        else:
            assert status not in {*REFUSED, 404}, (method, url, status)


@pytest.mark.parametrize("who", ["mallory", "alice"])
def test_a_foreign_thing_is_not_there(app: Flask, client: Browser, session: Session, cast: Cast, who: str) -> None:
    urls = Urls(cast.acme if who == "mallory" else cast.globex, session)
    client.login(who)
    for rule, method, access in routes(app):
        if access.public or rule.arguments <= SHARED or not allowed(access, who):
            continue
        url = urls.of(rule, method)
        status = client.open(url, method=method).status_code
        assert status == 404, (method, url, status)


def test_a_read_of_everything_changes_nothing(app: Flask, client: Browser, session: Session, cast: Cast) -> None:
    """Reading requests run in transactions that the database keeps read-only: a write would fail, not pass."""
    urls = Urls(cast.acme, session)
    client.login("sid")
    for rule, method, _ in routes(app):
        if method != "GET":
            continue
        status = client.get(urls.of(rule, method)).status_code
        assert status < 500, (rule.rule, status)


def test_the_cast_is_complete() -> None:
    assert {*ROLE_OF, "sid", "bea"} == set(PEOPLE)


@pytest.mark.parametrize("decorate", [public, requires(Permission.TASKS_READ)])
def test_a_decorated_view_passes_the_check(app: Flask, decorate) -> None:  # type: ignore[no-untyped-def]
    fresh = Flask("fresh", static_folder=None)
    fresh.add_url_rule("/named", "named", decorate(lambda: ""))
    check(fresh)
