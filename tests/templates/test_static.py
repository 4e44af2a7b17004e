"""What browsers load: pinned, small, our own, and nothing from elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import re

import pytest

from tests.templates.sources import STATIC

KB = 1024
BUDGETS = {
    "app.js": 10,
    "output.js": 4,
    "mentions.js": 2,
    "palette.js": 1,
    "adhoc.js": 1,
    "app.css": 12,
    "calendar.css": 2,
    "icons.svg": 6,
}
SCRIPTS = ("vendor/htmx-4.0.1.min.js", "app.js")


def packed(name: str) -> int:
    return len(gzip.compress((STATIC / name).read_bytes(), 9))


@pytest.mark.parametrize(("name", "most"), BUDGETS.items())
def test_size(name: str, most: int) -> None:
    assert packed(name) <= most * KB


def test_scripts_of_a_page_together() -> None:
    assert sum(packed(name) for name in SCRIPTS) <= 25 * KB


def test_vendored_files_are_what_was_reviewed() -> None:
    checked = [line.split() for line in (STATIC / "vendor/CHECKSUMS").read_text().splitlines()]
    for digest, name in checked:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest, name
    assert {name for _, name in checked} == {path.name for path in (STATIC / "vendor").glob("*.js")}


@pytest.mark.parametrize("name", ["htmx-LICENSE.txt", "lucide-LICENSE.txt"])
def test_what_is_vendored_brings_its_licence(name: str) -> None:
    assert (STATIC / "vendor" / name).stat().st_size > 100


@pytest.mark.parametrize(
    "name", ["app.js", "output.js", "mentions.js", "palette.js", "adhoc.js", "app.css", "calendar.css"]
)
def test_nothing_comes_from_another_host_or_is_compiled(name: str) -> None:
    text = (STATIC / name).read_text()
    hosts = set(re.findall(r"https?://([\w.]+)", text))
    assert hosts <= {"www.w3.org"}, "only the name of the SVG namespace"
    assert not re.search(r"\beval\(|new Function|\.(inner|outer)HTML|insertAdjacentHTML|document\.write", text)
