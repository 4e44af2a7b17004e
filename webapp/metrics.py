"""/metrics for Prometheus: what this installation's web processes did together, and gauges read when asked."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
from flask import Blueprint, Flask, Response, current_app, g, request

from webapp import queue
from webapp.access.guards import public

bp = Blueprint("metrics", __name__)
log = structlog.get_logger("web")

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# One value, or one for each value of a label: `{"pending": 3}`.
Reading = Callable[[], float | Mapping[str, float] | None]


def init(app: Flask) -> None:
    _share(app.extensions["settings"].data / "metrics")
    app.extensions["gauges"] = {}
    gauge(app, "muster_queue_rings", "Rings that wait for a worker.", queue.length)
    app.before_request(_begin)
    app.after_request(_count)
    app.register_blueprint(bp)


def gauge(app: Flask, name: str, help: str, read: Reading, label: str = "") -> None:
    """`read` is called for each scrape, in a reading unit over all organisations."""
    app.extensions["gauges"][name] = (help, label, read)


@bp.get("/metrics")
@public
def metrics() -> Response:
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    registry.register(_Gauges(current_app.extensions["gauges"]))  # type: ignore[arg-type]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Gauges:
    def __init__(self, gauges: Mapping[str, tuple[str, str, Reading]]) -> None:
        self.gauges = gauges

    def describe(self) -> Iterable[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        for name, (help, label, read) in self.gauges.items():
            found = _read(name, read)
            if found is None:
                continue
            family = GaugeMetricFamily(name, help, labels=[label] if label else [])
            for key, value in found.items() if isinstance(found, Mapping) else [("", found)]:
                family.add_metric([key] if label else [], value)
            yield family


def _read(name: str, read: Reading) -> float | Mapping[str, float] | None:
    from webapp.db import unit

    try:
        with unit(current_app._get_current_object(), "metrics", reading=True):  # type: ignore[attr-defined]
            return read()
    except Exception:  # one that fails must not hide the others, which may say why
        log.exception("a gauge could not be read", gauge=name)
        return None


def _begin() -> None:
    g.begun = time.perf_counter()


def _count(response: Response) -> Response:
    took = time.perf_counter() - g.get("begun", time.perf_counter())
    count(request.method, request.endpoint or "none", response.status_code, took)
    return response


def count(method: str, endpoint: str, status: int, took: float) -> None:
    """One request that was answered."""
    requests, seconds = _counters()
    requests.labels(method, endpoint, str(status)).inc()
    seconds.labels(endpoint).observe(took)


_made: list[Any] = []
_making = threading.Lock()


def _counters() -> list[Any]:
    if not _made:
        with _making:  # the first requests of a process come at once
            if not _made:
                _make()
    return _made


def _make() -> None:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    own = CollectorRegistry()
    _made.extend([
        Counter("muster_http_requests_total", "Requests answered.", ["method", "endpoint", "status"], registry=own),
        Histogram("muster_http_request_seconds", "Time to answer.", ["endpoint"], buckets=BUCKETS, registry=own),
    ])  # fmt: skip


def _share(folder: Path) -> None:
    """Web processes keep their counts in files beside each other, so that any of them can tell the sum.

    prometheus_client reads the variable when it is imported: that is why it is imported late.
    """
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(folder))
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    if folder.exists() and not any(_lives(path) for path in folder.glob("*.db")):
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _lives(path: Path) -> bool:
    pid = path.stem.rpartition("_")[2]
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
