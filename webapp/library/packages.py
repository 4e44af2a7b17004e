"""What agents fetch of Muster's own: stored once per content, numbered as it changes."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from webapp.bulk import upsert
from webapp.db import db
from webapp.library.models import Package

AGENT_KIND, AGENT_NAME = "update_agent", "muster-agent"


def publish(data: Path, kind: str, name: str, version: str, content: bytes, now: datetime) -> Package:
    """Whatever was current before, this is current now; a content that comes back gets a new number, because
    hosts refuse a lower one than they have run."""
    sha256 = hashlib.sha256(content).hexdigest()
    _store(path_of(data, sha256), content)
    known = current(kind, name)
    if known is not None and known.sha256 == sha256 and known.version == version:
        return known
    row = {"kind": kind, "name": name, "number": known.number + 1 if known else 1, "version": version,
           "sha256": sha256, "size": len(content), "created_at": now}  # fmt: skip
    upsert(Package, [row], ["kind", "name", "number"], [])  # two processes may publish the same at once
    package = current(kind, name)
    assert package is not None
    return package


def current(kind: str, name: str) -> Package | None:
    newest = sa.select(Package).where(Package.kind == kind, Package.name == name).order_by(Package.number.desc())
    return db.session.scalar(newest.limit(1))


def agent() -> Package | None:
    """The newest program for hosts."""
    return current(AGENT_KIND, AGENT_NAME)


def by_sha256(sha256: str) -> Package | None:
    return db.session.scalar(sa.select(Package).where(Package.sha256 == sha256).order_by(Package.id.desc()).limit(1))


def path_of(data: Path, sha256: str) -> Path:
    return data / "packages" / sha256


def _store(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
