"""What monitoring asks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.browser import Browser
from webapp import clock, metrics, queue
from webapp.processes import beats
from webapp.schema import current, head


def ready(client: Browser) -> tuple[int, dict]:  # type: ignore[type-arg]
    answer = client.get("/readyz")
    return answer.status_code, answer.json or {}


def test_the_process_lives(client: Browser) -> None:
    assert client.get("/healthz").text == "ok\n"


def test_it_is_ready_with_database_schema_broker_and_scheduler(client: Browser, session: Session) -> None:
    beats.beat("scheduler", clock.now(), clock.now())
    assert ready(client) == (200, {"status": "ready", "degraded": []})


def test_without_a_scheduler_it_is_ready_but_degraded(client: Browser, session: Session) -> None:
    beats.beat("scheduler", clock.now() - timedelta(minutes=5), clock.now())
    assert ready(client) == (200, {"status": "ready", "degraded": ["scheduler"]})


def test_so_it_is_without_the_broker(client: Browser, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    beats.beat("scheduler", clock.now(), clock.now())
    monkeypatch.setattr(queue, "_line", queue.Line())
    assert ready(client) == (200, {"status": "ready", "degraded": ["broker"]})


def test_a_feature_can_add_a_check(app: Flask, client: Browser) -> None:
    app.extensions["checks"] = [lambda _app: "courier"]
    assert ready(client)[1]["degraded"] == ["courier"]


def test_another_schema_is_not_ready(client: Browser, session: Session) -> None:
    assert current(session.connection()) == head()
    session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    assert ready(client) == (503, {"status": "unready", "reason": "schema"})


def test_requests_are_counted(client: Browser) -> None:
    client.get("/healthz")
    text = client.get("/metrics").text
    assert 'muster_http_requests_total{endpoint="health.healthz",method="GET",status="200"}' in text
    assert "muster_http_request_seconds_bucket" in text
    assert "\nmuster_queue_rings 0.0" in text


def test_a_feature_adds_gauges_and_a_broken_one_hides_no_other(app: Flask, client: Browser) -> None:
    metrics.gauge(app, "muster_tasks", "Tasks by status.", lambda: {"pending": 3, "failed": 1}, "status")
    metrics.gauge(app, "muster_broken", "Fails.", lambda: 1 / 0)
    metrics.gauge(app, "muster_unknown", "Not known now.", lambda: None)
    text = client.get("/metrics").text
    assert 'muster_tasks{status="pending"} 3.0' in text and 'muster_tasks{status="failed"} 1.0' in text
    assert "muster_broken" not in text and "muster_unknown" not in text
