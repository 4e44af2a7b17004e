"""Plugins over the API: the catalogue, and what an organisation has set up."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from webapp.config import Settings
from webapp.plugins import lifecycle
from webapp.plugins.models import PluginSetting
from webapp.seal import Seal


def test_the_catalogue_tells_what_a_call_looks_like(api: Api) -> None:
    found = {plugin["id"]: plugin for plugin in api("viewer").get("/plugins/").json["items"]}
    assert {"demo", "dns_records", "tcp_ports"} <= found.keys()
    demo = api("viewer").get("/plugins/demo").json
    assert demo == found["demo"] and demo["enabled"] is True
    assert demo["schema"]["properties"]["plugin_id"] == {"const": "demo"}
    assert api().get("/plugins/dmeo").json["detail"] == 'Unknown plugin "dmeo". Did you mean demo?'


def test_a_file_that_cannot_be_used_is_listed_with_its_fault(api: Api, settings: Settings) -> None:
    settings.plugins_folder.mkdir(parents=True)
    (settings.plugins_folder / "half.py").write_text("PLUGIN = 5")
    broken = api("viewer").get("/plugins/").json["broken"]
    assert [(each["location"], "PLUGIN" in each["error"]) for each in broken] == [("half.py", True)]


def test_it_is_switched_off_and_on_for_one_organization(api: Api) -> None:
    assert api("admin").post("/plugins/demo/disable").json["enabled"] is False
    assert api("viewer").get("/plugins/demo/").json["enabled"] is False
    assert api("foreign").get("/plugins/demo/").json["enabled"] is True
    assert api("admin").post("/plugins/demo/enable").json["enabled"] is True


def test_settings_are_replaced_and_secrets_never_shown(
    api: Api, settings: Settings, session: Session, cast: Cast
) -> None:
    program = api("admin")
    answer = program.put("/plugins/demo/settings", {"settings": {"token": "hush-hush"}})
    assert answer.status_code == 200, answer.text
    assert (answer.json["settings"], answer.json["secrets"]) == ({}, ["token"]) and "hush" not in answer.text
    row = session.scalars(sa.select(PluginSetting)).one()
    assert "hush" not in str(row.secrets)
    seal = Seal(settings.secrets_key_file)
    assert lifecycle.secrets_of(row, seal) == {"token": "hush-hush"}
    assert program.put("/plugins/demo/settings", {"settings": {}}).json["secrets"] == ["token"]
    assert program.put("/plugins/demo/settings", {"settings": {"token": None}}).json["secrets"] == []


def test_two_admins_at_once_are_told(api: Api) -> None:
    program = api("admin")
    seen = program.get("/plugins/dns_records/settings").headers["ETag"]
    names = [each["name"] for each in program.get("/plugins/dns_records/").json["settings"]]
    body = {"settings": {}}
    assert names
    assert program.put("/plugins/dns_records/settings", body, headers={"If-Match": seen}).status_code == 200
    assert program.put("/plugins/dns_records/settings", body, headers={"If-Match": seen}).status_code == 412


def test_wrong_settings_are_named(api: Api) -> None:
    answer = api("admin").put("/plugins/demo/settings", {"settings": {"tokn": "x"}})
    assert answer.json["errors"] == [
        {"field": "settings.tokn", "message": 'Unknown parameter "tokn". Did you mean token?'}
    ]
    assert api("admin").put("/plugins/demo/settings", {}).status_code == 422


def test_rights(api: Api) -> None:
    assert api("operator").post("/plugins/demo/disable").status_code == 403
    assert api("operator").put("/plugins/demo/settings", {"settings": {}}).status_code == 403
    assert api("viewer").get("/plugins/demo/settings").status_code == 200
