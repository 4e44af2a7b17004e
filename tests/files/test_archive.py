"""Files as one zip: whole, streamed, and with names that are ours."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from webapp.files import archive
from webapp.files.models import File

AT = datetime(2026, 11, 21, 7, tzinfo=UTC)


def packed(*files: tuple[str, Path]) -> zipfile.ZipFile:
    made = b"".join(archive.stream((File(name=name, created_at=AT), path) for name, path in files))
    return zipfile.ZipFile(io.BytesIO(made))


def test_everything_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"x" * 3_000_000)
    with packed(("same.txt", tmp_path / "a"), ("same.txt", tmp_path / "b")) as found:
        assert found.testzip() is None
        assert found.namelist() == ["001-same.txt", "002-same.txt"]
        assert found.read("001-same.txt") == b"one" and len(found.read("002-same.txt")) == 3_000_000


def test_it_is_sent_while_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 5_000_000)
    parts = [len(part) for part in archive.stream([(File(name="big", created_at=AT), tmp_path / "big")])]
    assert len(parts) > 4 and max(parts) < 2_000_000


def test_what_is_gone_is_left_out(tmp_path: Path) -> None:
    with packed(("gone.txt", tmp_path / "nothing")) as found:
        assert found.namelist() == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\\b", "C:\\x", "..", "", "日本", "CON", "nul.txt", "-rf", "x" * 300, "a\nb"]
)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    safe = archive.safe_name(7, name)
    assert re.fullmatch(r"007-[A-Za-z0-9._-]{1,120}", safe) and not safe.endswith(".")
