"""A file is taken in with its row; a deleted one is hidden, and retention removes its bytes."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from webapp.db import db
from webapp.events import Actor
from webapp.files import store
from webapp.files.models import File

PER_FILE = 100 * 2**20
# Control and direction-changing characters could make a name look like another one.
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff/\\]")


def add(
    data: Path,
    source: BinaryIO,
    *,
    organization_id: int,
    name: str,
    type: str,
    by: Actor,
    now: datetime,
    task_id: int | None = None,
    plugin_id: str | None = None,
    limit: int = PER_FILE,
) -> File:
    uuid, size, sha256 = store.keep(data, organization_id, source, limit)
    file = File(
        organization_id=organization_id, uuid=uuid, name=clean_name(name), type=type[:64], size=size, sha256=sha256,
        task_id=task_id, plugin_id=plugin_id, created_at=now, created_by=by.name,
    )  # fmt: skip
    db.session.add(file)
    return file


def clean_name(name: str) -> str:
    return _UNSHOWN.sub("_", name).strip()[:255] or "file"


def delete(file: File, now: datetime) -> None:
    file.deleted_at = now
