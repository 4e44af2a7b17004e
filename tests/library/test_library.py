"""The library: builds come in with what their bytes say, count versions that hosts can rely on, and can be withdrawn."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from webapp import clock
from webapp.config import Settings
from webapp.events import SYSTEM, Event
from webapp.files import store
from webapp.library import builds, lifecycle, packages, queries
from webapp.library.manifest import ManifestError
from webapp.library.models import Build, Test
from webapp.library.queries import Filter
from webapp.library.signing import Signing
from webapp.refusal import Refused

SCRIPT = b"#!/bin/sh\nexit 1\n"
ELF = b"\x7fELF\x02\x01\x01\0" + b"\0" * 8 + b"\x02\0\x3e\0" + b"\0" * 100
ARM = ELF.replace(b"\x3e\0", b"\xb7\0")


@pytest.fixture
def test(session: Session, cast: Cast) -> Test:
    return lifecycle.add_test(cast.acme, "lsass-dump", "LSASS dump", SYSTEM, clock.now(), technique="T1003")


@pytest.fixture
def upload(test: Test, settings: Settings) -> Any:
    def add(content: bytes = ELF, to: Test = test, **more: Any) -> Build:
        return lifecycle.upload(to, io.BytesIO(content), settings.data, SYSTEM, clock.now(), **more)

    return add


def stored(settings: Settings) -> list[Path]:
    return [path for path in (settings.data / "artifacts").rglob("*") if path.is_file()]


def test_a_build_is_what_its_bytes_say(upload: Any, test: Test, settings: Settings) -> None:
    build = upload(ELF)
    assert (build.platform, build.arch, build.size, build.version) == ("linux", "amd64", len(ELF), 1)
    assert store.path_of(settings.data, test.organization_id, build.stored_as).read_bytes() == ELF
    assert (test.version, test.platforms) == (1, ["linux/amd64"])


def test_a_script_may_be_bound_to_a_platform(upload: Any) -> None:
    assert upload(SCRIPT).runs_on == "any/any"
    assert upload(SCRIPT, platform="darwin").runs_on == "darwin/any"


@pytest.mark.parametrize(
    ("content", "said", "field"),
    [
        (b"", {}, "file"),
        (b"not a program", {}, "file"),
        (ELF, {"platform": "windows"}, "platform"),
        (ELF, {"arch": "arm64"}, "arch"),
        (SCRIPT, {"platform": "beos"}, "platform"),
    ],
)
def test_what_is_no_build_is_refused_and_not_kept(upload: Any, settings: Settings, content, said, field) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ManifestError) as refused:
        upload(content, **said)
    assert refused.value.field == field and stored(settings) == []


def test_builds_of_one_release_share_its_number(upload: Any) -> None:
    assert [upload(ELF).version, upload(ARM).version] == [1, 1]
    assert [upload(ELF).version, upload(ARM).version] == [2, 2]


def test_versions_only_grow(upload: Any, session: Session, cast: Cast, test: Test) -> None:
    upload(ELF), upload(ELF)
    with pytest.raises(ManifestError, match="Use 3 or more"):
        upload(ELF, version=2)
    assert upload(ELF, version=10).version == 10
    lifecycle.retire(test, SYSTEM, clock.now())
    again = lifecycle.add_test(cast.acme, "lsass-dump", "Again", SYSTEM, clock.now())
    assert upload(ELF, to=again).version == 11  # hosts remember


def test_the_newest_that_fits_is_chosen(upload: Any, cast: Cast) -> None:
    script, linux = upload(SCRIPT), upload(ELF)
    assert builds.build_for("lsass-dump", cast.acme, "linux", "amd64") is linux
    assert builds.build_for("lsass-dump", cast.acme, "darwin", "arm64") is script
    assert builds.build_for("lsass-dump", cast.acme, "windows", "amd64") is None
    assert builds.build_for("lsass-dump", cast.globex, "linux", "amd64") is None


def test_a_disabled_build_gives_way_to_the_one_before(upload: Any, cast: Cast) -> None:
    old, new = upload(ELF), upload(ELF + b"2")
    lifecycle.disable(new, SYSTEM, clock.now())
    assert builds.build_for("lsass-dump", cast.acme, "linux", "amd64") is old
    with pytest.raises(Refused):
        lifecycle.disable(new, SYSTEM, clock.now())
    lifecycle.promote(old, SYSTEM, clock.now())
    lifecycle.enable(new, SYSTEM, clock.now())
    assert builds.build_for("lsass-dump", cast.acme, "linux", "amd64") is old and old.version == 3


def test_a_revoked_build_runs_nowhere_for_ever(upload: Any, cast: Cast, settings: Settings) -> None:
    build, signing = upload(ELF), Signing(settings.signing_key_file)
    lifecycle.revoke(build, signing, "It deletes files", SYSTEM, clock.now())
    assert builds.build_for("lsass-dump", cast.acme, "linux", "amd64") is None
    assert build.sha256 in signing.trust(clock.now())["revoked"]["revoked"]["sha256"]
    for act in (lambda: lifecycle.enable(build, SYSTEM, clock.now()), lambda: lifecycle.promote(build, SYSTEM, clock.now()),
                lambda: lifecycle.revoke(build, signing, "", SYSTEM, clock.now())):  # fmt: skip
        with pytest.raises(Refused):
            act()


def test_everything_is_written_down(upload: Any, test: Test, session: Session) -> None:
    lifecycle.disable(upload(ELF), SYSTEM, clock.now())
    lifecycle.edit(test, SYSTEM, clock.now(), name="New", description="", technique="", requires=["azure"])
    lifecycle.retire(test, SYSTEM, clock.now())
    kinds = [row.kind for row in session.query(Event).filter_by(subject="test").order_by(Event.id)]
    assert kinds == ["test.added", "build.uploaded", "build.disabled", "test.edited", "test.retired"]


def test_a_retired_test_is_restored_with_its_builds(upload: Any, cast: Cast, test: Test) -> None:
    upload(ELF)
    lifecycle.retire(test, SYSTEM, clock.now())
    assert builds.build_for("lsass-dump", cast.acme, "linux", "amd64") is None
    with pytest.raises(Refused):
        lifecycle.retire(test, SYSTEM, clock.now())
    lifecycle.restore(test, SYSTEM, clock.now())
    assert builds.build_for("lsass-dump", cast.acme, "linux", "amd64") is not None


def test_a_name_that_was_given_away_is_not_taken_back(cast: Cast, test: Test) -> None:
    lifecycle.retire(test, SYSTEM, clock.now())
    lifecycle.add_test(cast.acme, "lsass-dump", "Again", SYSTEM, clock.now())
    with pytest.raises(Refused, match='There is another test "lsass-dump" now'):
        lifecycle.restore(test, SYSTEM, clock.now())


@pytest.mark.parametrize("slug", ["", "A", "a b", "../x", "x" * 101, "-a"])
def test_what_is_no_slug_is_refused(session: Session, cast: Cast, slug: str) -> None:
    with pytest.raises(ManifestError):
        lifecycle.add_test(cast.acme, slug, "X", SYSTEM, clock.now())


def test_a_slug_is_there_once_in_an_organisation(test: Test, cast: Cast) -> None:
    with pytest.raises(ManifestError):
        lifecycle.add_test(cast.acme, "lsass-dump", "X", SYSTEM, clock.now())
    assert lifecycle.add_test(cast.globex, "lsass-dump", "X", SYSTEM, clock.now()).id != test.id


def test_the_examples_come_once(settings: Settings, session: Session, cast: Cast) -> None:
    assert len(lifecycle.add_examples(settings, cast.acme, SYSTEM, clock.now())) == 3
    assert lifecycle.add_examples(settings, cast.acme, SYSTEM, clock.now()) == []
    assert {test.platforms[0] for test in queries.choices(cast.acme)} == {"any/any"}


def test_a_page_of_the_library(settings: Settings, session: Session, cast: Cast, test: Test, upload: Any) -> None:
    lifecycle.add_examples(settings, cast.acme, SYSTEM, clock.now())
    first, after = queries.page(Filter(), 3)
    rest, end = queries.page(Filter(), 3, after)
    assert len(first) == 3 and [each.slug for each in rest] == ["lsass-dump"] and end is None
    assert [each.slug for each in queries.page(Filter(q="t1003"), 9)[0]] == ["lsass-dump"]
    assert len(queries.page(Filter(platform="linux"), 9)[0]) == 3  # this one has no build
    assert "lsass-dump" not in [each.slug for each in queries.choices(cast.acme)]
    assert "T1003" in queries.techniques()


def test_a_package_is_published_once_per_content(settings: Settings, session: Session) -> None:
    def publish(content: bytes) -> int:
        return packages.publish(settings.data, "plugin", "dns", "1.0", content, clock.now()).number

    assert [publish(b"one"), publish(b"one"), publish(b"two"), publish(b"one")] == [1, 1, 2, 3]
    current = packages.current("plugin", "dns")
    assert current is not None and packages.path_of(settings.data, current.sha256).read_bytes() == b"one"
