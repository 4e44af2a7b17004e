"""The test library: what can be tested, the programs that test it, and the packages that agents fetch."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Base, BigKey, OrgScoped


class Test(OrgScoped, Base):
    """One question about a host's defences. Tasks name it by its slug, which agents check in every manifest."""

    __test__ = False  # pytest would take the name for a test of its own

    __tablename__ = "test"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.Index(
            "uq_test_slug",
            "organization_id",
            "slug",
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    slug: Mapped[str] = mapped_column(sa.String(100))
    name: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    technique: Mapped[str] = mapped_column(sa.String(64), default="")
    requires: Mapped[list[str]] = mapped_column(default=list)
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(sa.String(120))
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    builds: Mapped[list[Build]] = relationship(
        viewonly=True, order_by="Build.version.desc()", primaryjoin="foreign(Build.test_id) == Test.id"
    )

    @property
    def retired(self) -> bool:
        return self.deleted_at is not None

    @property
    def usable_builds(self) -> list[Build]:
        return [build for build in self.builds if build.usable]

    @property
    def version(self) -> int:
        """The newest that can run; 0 before there is any."""
        return max((build.version for build in self.usable_builds), default=0)

    @property
    def platforms(self) -> list[str]:
        return sorted({build.runs_on for build in self.usable_builds})


class Build(OrgScoped, Base):
    """One program of a test, for a platform and an architecture. Its bytes never change; a newer one has a higher
    version, because hosts refuse what is older than what they have run."""

    __tablename__ = "build"
    __table_args__ = (
        sa.ForeignKeyConstraint(["organization_id", "test_id"], ["test.organization_id", "test.id"]),
        sa.UniqueConstraint("test_id", "platform", "arch", "version"),
        sa.Index("ix_build_test", "test_id", "version"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=lambda: str(uuid4()))
    test_id: Mapped[int] = mapped_column(sa.BigInteger)
    platform: Mapped[str] = mapped_column(sa.String(16))
    arch: Mapped[str] = mapped_column(sa.String(16))
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(sa.String(64))
    size: Mapped[int] = mapped_column(sa.BigInteger)
    stored_as: Mapped[str] = mapped_column(sa.String(36))  # its name in the file store
    min_agent: Mapped[str] = mapped_column(sa.String(32), default="0.1.0")
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(sa.String(120))
    revoked_at: Mapped[datetime | None]
    revoked_why: Mapped[str] = mapped_column(sa.String(300), default="")
    deleted_at: Mapped[datetime | None]

    test: Mapped[Test] = relationship(viewonly=True, primaryjoin="foreign(Build.test_id) == Test.id")

    @property
    def usable(self) -> bool:
        return self.enabled and self.revoked_at is None and self.deleted_at is None

    @property
    def runs_on(self) -> str:
        return f"{self.platform}/{self.arch}"


class Package(Base):
    """Programs of Muster's own that agents fetch: the agent itself, and plugins packed for hosts. The same for every
    organisation; the manifest that goes with one names the organisation."""

    __tablename__ = "package"
    __table_args__ = (sa.UniqueConstraint("kind", "name", "number"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(sa.String(24))
    name: Mapped[str] = mapped_column(sa.String(100))
    number: Mapped[int]  # what manifests call the version: it only grows
    version: Mapped[str] = mapped_column(sa.String(32))
    sha256: Mapped[str] = mapped_column(sa.String(64), index=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime]
