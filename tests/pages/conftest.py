"""A server that listens, a Chromium that looks at it, and somebody signed in. What goes wrong in a page fails the test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from werkzeug.serving import make_server

from tests import cast as people
from tests.pages.seeded import Seeded
from webapp import clock
from webapp.access import sessions
from webapp.access.models import User
from webapp.db import unit

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # Each window would load two pages for its address bar, and spend half of its time on them. This list takes the
    # place of Playwright's own: what of that matters here is named again.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "MediaRouter,OptimizationHints,PaintHolding,PreconnectToSearch,ThirdPartyStoragePartitioning",
]  # fmt: skip
# Told to the console, where the listeners hear it.
TELL_VIOLATIONS = """addEventListener('securitypolicyviolation', event =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"""

expect.set_options(timeout=10_000)

Open = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("There is no Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def source(broker_url: str) -> Iterator[Seeded]:
    """One kind of database is enough here: the pages do not see which it is."""
    source = Seeded(Path(tempfile.mkdtemp(prefix="muster-pages-")), broker_url)
    yield source
    source.stop()


@pytest.fixture
def server(app: Flask) -> Iterator[str]:
    httpd = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def open_as(chromium: Browser, server: str, app: Flask) -> Iterator[Open]:
    """`open_as("viewer", color_scheme="dark")`: a window of its own for a person of the cast, or for nobody."""
    opened: list[BrowserContext] = []
    wrong: list[str] = []

    def open(who: str = "", **options: Any) -> BrowserContext:
        context = chromium.new_context(base_url=server, **{"viewport": {"width": 1280, "height": 800}} | options)
        opened.append(context)
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", lambda message: wrong.extend(complaint(message)))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        if who:
            sign_in(context, app, server, who)
        return context

    yield open
    for context in opened:
        context.close()
    assert not wrong


@pytest.fixture
def page(open_as: Open) -> Page:
    return open_as("operator").new_page()


def complaint(message: ConsoleMessage) -> list[str]:
    """Chromium tells of every answer from 400 on; which of them are right is the tests' business."""
    expected = message.text.startswith(("Failed to load resource", "htmx: htmx:error: Failed to fetch"))
    return [message.text] if message.type == "error" and not expected else []


def sign_in(context: BrowserContext, app: Flask, server: str, who: str) -> None:
    with unit(app, "test sign-in") as session:
        user = session.query(User).filter_by(username=people.name(who)).one()
        secret = sessions.start(user, "127.0.0.1", "test browser", clock.now())
    context.add_cookies([{"name": "muster_session", "value": secret, "domain": urlsplit(server).hostname, "path": "/"}])
