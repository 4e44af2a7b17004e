"""`muster plugins` as a process of its own, against a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Muster
from tests.rest.conftest import Api

pytestmark = pytest.mark.one_database


@pytest.fixture
def admin(api: Api, muster: Muster) -> Muster:
    token = api("admin").token
    return lambda *words, **more: muster(*words, MUSTER_TOKEN=token, **more)


def test_plugins_are_listed_and_switched(admin: Muster, muster: Muster) -> None:
    lines = [line.split("\t") for line in muster("plugins").stdout.splitlines()]
    assert ["tcp_ports", "on", "TCP ports", "hostname, ipaddress", "worker, agent"] in lines
    assert admin("plugins", "disable", "tcp_ports").stdout == "tcp_ports is disabled\n"
    states = {row["id"]: row["enabled"] for row in json.loads(muster("plugins", "--json").stdout)}
    assert states["tcp_ports"] is False and states["demo"] is True
    assert admin("plugins", "enable", "tcp_ports", "--org", "acme").stdout == "tcp_ports is enabled\n"
    assert muster("plugins", "disable", "tcp_ports").returncode == 4
    assert admin("plugins", "disable", "tcp_prots").returncode == 3


def test_settings_are_changed_one_by_one(admin: Muster) -> None:
    assert (
        admin("plugins", "set", "dns_records", "timeout=2", "resolver=127.0.0.1:53").stdout
        == "dns_records: 2 changed\n"
    )
    admin("plugins", "set", "dns_records", "timeout=3")
    assert admin("plugins", "settings", "dns_records").stdout.splitlines() == ["resolver=127.0.0.1:53", "timeout=3"]
    admin("plugins", "set", "dns_records", "-u", "resolver")
    assert admin("plugins", "settings", "dns_records").stdout == "timeout=3\n"
    wrong = admin("plugins", "set", "dns_records", "timeout=soon")
    assert wrong.returncode == 2 and "Enter a number" in wrong.stderr


def test_a_secret_comes_from_a_file_and_is_never_told(admin: Muster, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("quiet-riot-77\n")
    assert admin("plugins", "set", "demo", "--secret", f"token={tmp_path / 'token'}").stdout == "demo: 1 changed\n"
    told = admin("plugins", "settings", "demo").stdout
    assert told == "token is set\n"
    assert "give it in a file" in admin("plugins", "set", "demo", "token=quiet-riot-77").stderr
    assert admin("plugins", "set", "demo", "-s", "token=/no/such/file").returncode == 2
    admin("plugins", "set", "demo", "-u", "token")
    assert admin("plugins", "settings", "demo").stdout == ""
