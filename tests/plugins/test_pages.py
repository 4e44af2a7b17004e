"""The catalogue, and a plugin's page: what it is, what is set, who may change it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.schedules import made as scheduled
from tests.tasks import made
from webapp import clock
from webapp.access.models import Membership, Role
from webapp.access.permissions import Permission
from webapp.config import Settings
from webapp.plugins import catalogue, lifecycle
from webapp.plugins.contract import Manifest, Parameter
from webapp.plugins.discovery import Broken, Plugin
from webapp.plugins.models import PluginSetting
from webapp.seal import Seal

PROBE = Manifest(
    "probe", "Probe", "Asks a port.", consumes=("ipport",), produces=("software",), runs_on=("worker", "agent"),
    parameters=(Parameter("depth", "integer", 2, help="How deep it looks."),),
    settings=(
        Parameter("region", default="eu"),
        Parameter("seconds", "integer", 5, minimum=1, maximum=60),
        Parameter("deep", "boolean", True),
        Parameter("hosts", "list"),
        Parameter("key", "secret", help="Of the service."),
    ),
)  # fmt: skip
PATH = "/plugins/probe"
TYPED = {"p_region": "us", "p_seconds": "9", "p_deep": "", "p_hosts": "a\nb", "p_key": "quiet-riot"}


@pytest.fixture
def probe(app: Flask, session: Session) -> Plugin:
    plugin = Plugin(PROBE, "file:/nowhere/probe.py")
    catalogue.catalogue().plugins["probe"] = plugin
    return plugin


@pytest.fixture
def admin(client: Browser, probe: Plugin) -> Browser:
    return client.login("admin")


def row(session: Session) -> PluginSetting:
    return session.query(PluginSetting).filter_by(plugin_id="probe").one()


def test_the_catalogue_says_what_each_takes_and_makes(admin: Browser) -> None:
    page = admin.get("/plugins").text
    for text in ("Probe", "ipport", "software", "server, agents", "DNS records"):
        assert text in page
    found = admin.get("/plugins?q=ipport+asks").text
    assert "/plugins/probe" in found and "/plugins/demo" not in found
    assert "No plugin matches" in admin.get("/plugins?q=nothing-like-it").text


def test_what_cannot_be_used_is_told_to_who_can_mend_it(admin: Browser) -> None:
    catalogue.catalogue().broken.append(Broken("file:/x/torn.py", "SyntaxError: line 3"))
    assert "torn.py" in admin.get("/plugins").text
    assert "torn.py" not in admin.login("viewer").get("/plugins").text


def test_its_page_has_parameters_settings_and_latest_tasks(admin: Browser, session: Session, cast: Cast) -> None:
    task = made.tasks(cast.acme)[0]
    page = admin.get("/plugins/demo").text
    assert "ignore_sigterm" in page and f"/tasks/{task.uuid}" in page
    assert 'href="/tasks/new?kind=plugin&amp;plugin=demo"' in page
    assert admin.get("/plugins/nothing").status_code == 404


def test_its_page_has_the_schedules_that_run_it_and_how_its_runs_went(
    admin: Browser, session: Session, cast: Cast
) -> None:
    other = {"type": "plugin", "data": {"plugin_id": "dns_records", "input_data": ["example.com"]}}
    schedule = scheduled.schedule(cast.acme, {"kind": "interval", "every": "1h"}, clock.now(), name="Each hour")
    elsewhere = scheduled.schedule(cast.globex, {"kind": "interval", "every": "1h"}, clock.now(), name="Of Globex")
    scheduled.schedule(cast.acme, {"kind": "interval", "every": "1h"}, clock.now(), name="Another", spec=other)
    for exit_code in (0, 0, 1):
        made.ended(cast.acme, exit_code)
    page = admin.get("/plugins/demo").text
    assert f'href="/tasks/schedules/{schedule.id}">Each hour</a>' in page and "Another" not in page
    assert 'href="/tasks/schedules?plugin=demo"' in page and elsewhere.name not in page
    assert "3 tasks" in page and "66 %" in page
    assert ">3<" in admin.get("/plugins?q=demo").text


def test_schedules_are_not_shown_to_who_may_not_see_them(client: Browser, session: Session, cast: Cast) -> None:
    scheduled.schedule(cast.acme, {"kind": "interval", "every": "1h"}, clock.now(), name="Each hour")
    client.login("viewer")
    assert "Each hour" in client.get("/plugins/demo").text
    narrow = Role(organization_id=cast.acme, name="Plugins only", own=[Permission.PLUGINS_READ])
    session.add(narrow)
    session.flush()
    session.execute(sa.update(Membership).where(Membership.user_id == cast.id("viewer")).values(role_id=narrow.id))
    session.commit()
    client.login("viewer")
    page = client.get("/plugins/demo").text
    assert "Each hour" not in page and "h-schedules" not in page and "30 days" not in page


def test_settings_are_saved_and_secrets_never_shown(
    admin: Browser, session: Session, settings: Settings, probe: Plugin
) -> None:
    answer = admin.post(f"{PATH}/settings", data=TYPED | {"version": "1"})
    assert (answer.status_code, answer.location) == (303, PATH)
    assert row(session).settings == {"region": "us", "seconds": 9, "deep": False, "hosts": ["a", "b"]}
    assert lifecycle.secrets_of(row(session), Seal(settings.secrets_key_file)) == {"key": "quiet-riot"}
    page = admin.get(PATH).text
    assert "quiet-riot" not in page and "(set)" in page and 'value="us"' in page


def test_a_secret_that_is_left_empty_stays_until_it_is_to_be_forgotten(admin: Browser, session: Session) -> None:
    admin.post(f"{PATH}/settings", data=TYPED | {"version": "1"})
    admin.post(f"{PATH}/settings", data={"p_region": "eu", "p_seconds": "5", "p_deep": "true", "version": "2"})
    assert (row(session).settings, sorted(row(session).secrets)) == ({}, ["key"])
    session.expire_all()
    admin.post(f"{PATH}/settings", data={"p_deep": "true", "forget": "key", "version": "3"})
    session.expire_all()
    assert row(session).secrets == {}


def test_what_cannot_be_used_is_told_at_its_field(admin: Browser, session: Session) -> None:
    answer = admin.post(f"{PATH}/settings", data=TYPED | {"p_seconds": "soon", "version": "1"})
    assert answer.status_code == 422
    assert 'href="#p_seconds"' in answer.text and 'id="p_seconds-error"' in answer.text
    assert 'value="soon"' in answer.text and "quiet-riot" not in answer.text
    assert session.query(PluginSetting).filter_by(plugin_id="probe").count() == 0


def test_an_edit_of_an_older_version_is_refused(admin: Browser) -> None:
    admin.post(f"{PATH}/settings", data=TYPED | {"version": "1"})
    answer = admin.post(f"{PATH}/settings", data=TYPED | {"version": "1"})
    assert answer.status_code == 409 and "Somebody changed these settings" in answer.text


def test_a_secret_that_is_too_short_to_be_masked_is_told(admin: Browser) -> None:
    admin.post(f"{PATH}/settings", data={"p_key": "abc", "version": "1"})
    assert "shorter than 4 characters" in admin.get(PATH).text


def test_off_it_is_not_offered(admin: Browser, session: Session) -> None:
    assert admin.post(f"{PATH}/disable").location == PATH
    page = admin.get(PATH).text
    assert "Run plugin…" not in page and f"{PATH}/enable" in page
    admin.post(f"{PATH}/enable")
    assert "Run plugin…" in admin.get(PATH).text


def test_who_may_not_change_it_reads_it(admin: Browser) -> None:
    admin.post(f"{PATH}/settings", data=TYPED | {"version": "1"})
    page = admin.login("viewer").get(PATH).text
    assert "us" in page and "set" in page and "Save settings" not in page and "quiet-riot" not in page
    assert admin.post(f"{PATH}/settings", data=TYPED).status_code == 403
    assert admin.post(f"{PATH}/disable").status_code == 403


def test_each_organisation_has_its_own(client: Browser, session: Session, cast: Cast, probe: Plugin) -> None:
    client.login("sid").post(f"{PATH}/settings?organization=globex", data=TYPED | {"version": "1"})
    assert row(session).organization_id == cast.organizations["globex"]
    assert 'value="us"' in client.get(f"{PATH}?organization=globex").text
    assert 'value="us"' not in client.get(f"{PATH}?organization=acme").text
    assert client.get(f"{PATH}?organization=nowhere").status_code == 404
