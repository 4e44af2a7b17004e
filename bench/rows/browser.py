"""How soon the list of tasks can be read and used in Chromium: on a desk, and on a phone that is four times slower."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from bench.measure import Row
from bench.world import Reader, big, world

KEYS = ("u12", "u12m")
TASKS, LOADS = 10_000, 7
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PHONE = {"viewport": {"width": 375, "height": 700}, "is_mobile": True, "has_touch": True}
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 90_000}  # a slow 4G
# Set once the script that gives the page its keys has run.
USABLE = "[data-age]:not(:empty)"
PAINTED = """() => new Promise(done => new PerformanceObserver(list => {
  const navigation = performance.getEntriesByType('navigation')[0]
  done({ painted: list.getEntries().at(-1).startTime, answered: navigation.responseStart })
}).observe({ type: 'largest-contentful-paint', buffered: true }))"""


class Quiet(WSGIRequestHandler):
    """Keeps its connections, as the product's own server does."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_said: object) -> None:
        pass


def rows(wanted: set[str]) -> Iterator[Row]:
    with world(big(TASKS)) as settings, listening(Reader(settings)) as (reader, url), chromium() as browser:
        if "u12" in wanted:
            painted, usable = loads(browser, reader, url)
            yield Row(
                "u12",
                "list of tasks on a desk: largest paint",
                painted,
                "ms",
                400,
                note=f"usable after {usable:.0f} ms",
            )
        if "u12m" in wanted:
            painted, usable = loads(browser, reader, url, slow=True, **PHONE)
            yield Row(
                "u12m", "on a slow phone: usable", usable, "ms", 2000, note=f"largest paint after {painted:.0f} ms"
            )


def loads(browser: Browser, reader: Reader, url: str, slow: bool = False, **options: Any) -> tuple[float, float]:
    """Medians over fresh windows of the largest paint and of when the page answers keys; one load first is not counted."""
    found = [load(browser, reader, url, slow, options) for _ in range(LOADS + 1)][1:]
    return statistics.median(painted for painted, _ in found), statistics.median(usable for _, usable in found)


def load(browser: Browser, reader: Reader, url: str, slow: bool, options: dict[str, Any]) -> tuple[float, float]:
    context = browser.new_context(**options)
    name, _, value = reader.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": url}])
    page = context.new_page()
    if slow:
        throttle(page)
    page.goto(f"{url}/tasks", wait_until="commit")
    page.wait_for_selector(USABLE, state="attached")
    usable = page.evaluate("performance.now()")
    painted = page.evaluate(PAINTED)["painted"]
    context.close()
    return painted, usable


def throttle(page: Page) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", SLOW)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})


@contextmanager
def listening(reader: Reader) -> Iterator[tuple[Reader, str]]:
    server = make_server("127.0.0.1", 0, reader.app, threaded=True, request_handler=Quiet)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield reader, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("The rows u12 and u12m need Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
