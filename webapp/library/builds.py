"""Which build runs where: looked up by verbs, kinds of task and pages alike."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from webapp.db import db
from webapp.library.manifest import ANY
from webapp.library.models import Build, Test

MEMO = "library.builds"  # in the session: what this transaction has looked up

USABLE = (Build.enabled, Build.revoked_at.is_(None), Build.deleted_at.is_(None))


def by_slug(slug: str, organization_id: int) -> Test | None:
    named = sa.select(Test).where(Test.slug == slug, Test.organization_id == organization_id)
    return db.session.scalar(named.where(Test.deleted_at.is_(None)))


def build_for(slug: str, organization_id: int, platform: str, arch: str) -> Build | None:
    """The newest that runs there; of two alike, the one made for it before the one that runs anywhere."""
    fitting = [build for build in usable(slug, organization_id) if fits(build, platform, arch)]
    return max(fitting, key=lambda build: (build.version, build.platform != ANY, build.arch != ANY), default=None)


def fits(build: Build, platform: str, arch: str) -> bool:
    # A build for any platform is a script with a first line `#!`, which Windows does not know.
    here = build.platform == platform or (build.platform == ANY and platform != "windows")
    return here and build.arch in (arch, ANY)


def usable(slug: str, organization_id: int) -> Sequence[Build]:
    """Asked for every agent of a fleet in turn, so a transaction looks once."""
    session = db.session()
    known: dict[tuple[str, int], Sequence[Build]] = {}
    transaction, memo = session.info.get(MEMO, (None, known))
    if transaction is not None and transaction is session.get_transaction():
        known = memo
    if (slug, organization_id) not in known:
        mine = sa.select(Build).join(Test, Build.test_id == Test.id).where(
            Test.slug == slug, Test.organization_id == organization_id, Test.enabled, Test.deleted_at.is_(None))  # fmt: skip
        known[slug, organization_id] = session.scalars(mine.where(*USABLE)).all()
        session.info[MEMO] = session.get_transaction(), known
    return known[slug, organization_id]


def forget() -> None:
    db.session().info.pop(MEMO, None)


def highest_version(slug: str, organization_id: int, platform: str = "", arch: str = "") -> int:
    """Of all builds that a test of this name ever had, deleted ones too: hosts remember them."""
    found = sa.select(sa.func.max(Build.version)).join(Test, Build.test_id == Test.id).where(
        Test.slug == slug, Test.organization_id == organization_id)  # fmt: skip
    if platform:
        found = found.where(Build.platform == platform, Build.arch == arch)
    return db.session.scalar(found) or 0


def by_uuid(uuid: str) -> Build | None:
    return db.session.scalar(sa.select(Build).where(Build.uuid == uuid, Build.deleted_at.is_(None)))
