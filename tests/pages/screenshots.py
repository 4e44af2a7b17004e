"""`python -m tests.pages.screenshots docs/screenshots`: the demo runs in a folder of its own, and is looked at."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.pages.conftest import FLAGS

PASSWORD = "seven wooden ladders"
LOOKS = {
    "": ("light", 1280, 800),
    "-dark": ("dark", 1280, 800),
    "-375": ("light", 375, 760),
    "-dark-375": ("dark", 375, 760),
}
SOON = 90_000


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        addresses = prepared(browser, url)
        for name, (theme, width, height) in LOOKS.items():
            page = signed_in(browser, url, color_scheme=theme, viewport={"width": width, "height": height}).new_page()
            for what, address in addresses.items():
                take(page, address, folder / f"{what}{name}.png")
            page.context.close()
        browser.close()


@contextmanager
def demo() -> Iterator[str]:
    """The product as `muster up` gives it to a newcomer."""
    port, data = free_port(), tempfile.mkdtemp(prefix="muster-demo-")
    env = os.environ | {"MUSTER_DATA": data, "PORT": str(port), "MUSTER_DEMO": "1", "MUSTER_ADMIN_PASSWORD": PASSWORD}
    process = subprocess.Popen([sys.executable, "-m", "webapp.cli", "up"], env=env, stdout=subprocess.DEVNULL)
    try:
        until_ready(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(data, ignore_errors=True)


def free_port() -> int:
    """Below those that the system gives to clients; the one after it is for the wake channel."""
    for port in range(21000, 29000, 2):
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError("no free port")


def until_ready(url: str) -> None:
    for _ in range(600):
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            subprocess.run(["sleep", "0.2"], check=True)
    raise RuntimeError("the demo did not start")


def signed_in(browser: Browser, url: str, **looks: object) -> BrowserContext:
    context = browser.new_context(base_url=url, reduced_motion="reduce", **looks)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#user-menu")).to_be_visible(timeout=SOON)
    page.close()
    return context


def prepared(browser: Browser, url: str) -> dict[str, str]:
    """Waits until the demo's tasks have something to show, runs a command, and says what is looked at."""
    page = signed_in(browser, url).new_page()
    page.goto("/tasks")
    failed = page.locator("#tasks tbody tr", has=page.locator("[data-code=failed]")).first
    shown = page.locator("#tasks tbody tr", has_text="Log showcase")
    expect(failed).to_be_visible(timeout=SOON)
    expect(shown.locator(".badge")).to_have_text("Completed", timeout=SOON)
    task, output = link(failed), link(shown)
    fixed = {
        "tasks": "/tasks", "task": task, "output": f"{output}/log", "dashboard": "/", "agents": "/agents",
        "adhoc": ran(page), "new-task": "/tasks/new", "library": "/library", "plugins": "/plugins",
        "schedules": "/tasks/schedules",
        "upcoming": "/tasks/schedules/upcoming?hours=168", "month": "/tasks/schedules/month", "schedule": "/tasks/schedules/1", "calendar": "/calendars/1",
    }  # fmt: skip
    found = {name: address for name, address in fixed.items() if page.context.request.get(address).ok}
    page.context.close()
    return found


def link(row: Locator) -> str:
    return row.locator("a[id^='a-']").first.get_attribute("href") or ""


def ran(page: Page) -> str:
    page.goto("/adhoc")
    page.locator("#command").fill("uptime; df -h /")
    page.locator("#agent-options input").first.check()
    page.locator("#run").click()
    expect(page.locator("#adhoc-run .badge").first).to_have_text("Completed", timeout=SOON)
    return page.url.removeprefix(page.url.split("/adhoc")[0])


def take(page: Page, address: str, file: Path) -> None:
    page.goto(address, wait_until="networkidle")
    page.screenshot(path=file)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/screenshots"))
