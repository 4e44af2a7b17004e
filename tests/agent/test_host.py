"""What a host says of itself, at its enrolment and with each beat."""

import os
import platform

from workers.agent import host


def test_the_facts_are_short_and_true():
    found = host.facts()
    assert found["cpus"] == os.cpu_count() and found["python"] == platform.python_version()
    assert found["kernel"] == platform.release() and found["memory"] > 2**24
    assert found["system"] and "\n" not in found["system"]


def test_the_zone_is_told_by_its_name(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Amsterdam")
    assert host.facts()["timezone"] == "Europe/Amsterdam"
    monkeypatch.setenv("TZ", ":/usr/share/zoneinfo/Asia/Tokyo")
    assert host.facts()["timezone"] == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "/etc/strange")
    assert "timezone" not in host.facts()


def test_they_come_with_each_beat(server, agent):
    server.wait_for_beats(1)
    assert server.beats[0].facts == host.facts()
