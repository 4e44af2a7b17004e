"""The verbs of the test library. None commits. What runs on hosts is signed when it is handed out, not when it comes in."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from webapp import events
from webapp.access import audit
from webapp.config import Settings
from webapp.db import db, writing_to
from webapp.events import Actor
from webapp.files import store
from webapp.language import _
from webapp.library import builds, manifest
from webapp.library.examples.build import SOURCES, Example, examples
from webapp.library.manifest import ANY, ARCHES, MAX_SIZE, PLATFORMS, Facts, ManifestError
from webapp.library.models import Build, Test
from webapp.library.signing import Signing
from webapp.refusal import Refused

SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


def add_test(
    organization_id: int, slug: str, name: str, by: Actor, now: datetime, *, description: str = "",
    technique: str = "", requires: list[str] | None = None,
) -> Test:  # fmt: skip
    if not SLUG.fullmatch(slug):
        text = _("Use 1 to 100 small letters, digits, dots, dashes or underscores, with a letter or digit first")
        raise ManifestError("slug", text)
    if builds.by_slug(slug, organization_id):
        raise ManifestError("slug", _('There is a test "%(slug)s" already', slug=slug))
    test = Test(
        organization_id=organization_id, slug=slug, name=name, description=description, technique=technique,
        requires=requires or [], enabled=True, created_at=now, created_by=by.name, updated_at=now,
    )  # fmt: skip
    with writing_to(organization_id):
        db.session.add(test)
        db.session.flush()
    _record(test, "test.added", by, now, after={"slug": slug, "name": name})
    return test


def edit(
    test: Test, by: Actor, now: datetime, *, name: str, description: str, technique: str, requires: list[str]
) -> None:
    before = _facts(test)
    test.name, test.description, test.technique, test.requires = name, description, technique, requires
    test.updated_at = now
    _record(test, "test.edited", by, now, before, _facts(test))


def upload(
    test: Test, source: BinaryIO, data: Path, by: Actor, now: datetime, *, platform: str = "", arch: str = "",
    version: int | None = None, sha256: str = "",
) -> Build:  # fmt: skip
    """Takes the bytes in. Where it runs is read from them; a script may be bound to a platform by its owner."""
    try:
        stored_as, size, taken = store.keep(data, test.organization_id, source, MAX_SIZE)
    except store.TooLarge:
        raise ManifestError(
            "file", _("The file is too large; %(max_size)s bytes are allowed.", max_size=f"{MAX_SIZE:,}")
        ) from None
    try:
        if sha256 and sha256.lower() != taken:
            raise ManifestError(
                "sha256", _("The file that arrived has the SHA-256 %(taken)s. Send it again", taken=taken)
            )
        facts = _bound(manifest.inspect(store.path_of(data, test.organization_id, stored_as)), platform, arch)
        build = Build(
            organization_id=test.organization_id, test_id=test.id, platform=facts.platform, arch=facts.arch,
            version=_next_version(test, facts, version), sha256=taken, size=size, stored_as=stored_as,
            enabled=True, created_at=now, created_by=by.name,
        )  # fmt: skip
        with writing_to(test.organization_id):
            db.session.add(build)
            db.session.flush()
    except BaseException:
        store.remove(data, test.organization_id, stored_as)
        raise
    _changed(test, "build.uploaded", by, now, build)
    return build


def enable(thing: Test | Build, by: Actor, now: datetime) -> None:
    if isinstance(thing, Build) and thing.revoked_at:
        raise Refused("revoked", _("This build was revoked: no host would run it. Upload a newer one"))
    _switch(thing, True, by, now)


def disable(thing: Test | Build, by: Actor, now: datetime) -> None:
    """New tasks cannot choose it; tasks that wait for it go to another build, or fail and say so."""
    _switch(thing, False, by, now)


def promote(build: Build, by: Actor, now: datetime) -> None:
    """Make an earlier build the newest again. It takes a new number, since hosts refuse a lower one than they ran."""
    test = build.test
    if not build.usable:
        raise Refused("unusable", _("This build is disabled, revoked or deleted"))
    before, build.version = build.version, builds.highest_version(test.slug, test.organization_id) + 1
    _changed(test, "build.promoted", by, now, build, before={"version": before})


def revoke(build: Build, signing: Signing, why: str, by: Actor, now: datetime) -> None:
    """No agent starts these bytes again, whoever signed them, from its next heartbeat on. There is no way back."""
    if build.revoked_at:
        raise Refused("revoked", _("This build was revoked already"))
    signing.withdraw(build.sha256, now)
    build.revoked_at, build.revoked_why = now, why[:300]
    _changed(build.test, "build.revoked", by, now, build, text=why)


def retire(test: Test, by: Actor, now: datetime) -> None:
    """Nothing new can run it; tasks that ran it keep their snapshot. Another test of its name counts versions on."""
    if test.deleted_at:
        raise Refused("unchanged", _("%(name)s is retired already", name=test.name))
    test.deleted_at = test.updated_at = now
    _record(test, "test.retired", by, now, before=_facts(test))
    builds.forget()


def restore(test: Test, by: Actor, now: datetime) -> None:
    """Back into the library with its builds, unless its name has been given away."""
    if not test.deleted_at:
        raise Refused("unchanged", _("%(name)s is in the library", name=test.name))
    if builds.by_slug(test.slug, test.organization_id):
        raise Refused("taken", _('There is another test "%(slug)s" now. Retire that one first', slug=test.slug))
    test.deleted_at, test.updated_at = None, now
    _record(test, "test.restored", by, now, after=_facts(test))
    builds.forget()


def delete(build: Build, by: Actor, now: datetime) -> None:
    """Hidden; tasks that ran it keep their snapshot, and its number is not given again."""
    if build.deleted_at:
        return
    build.deleted_at = now
    _changed(build.test, "build.deleted", by, now, build)


def add_examples(settings: Settings, organization_id: int, by: Actor, now: datetime) -> list[Test]:
    """The tests that come with Muster, ready to run. Those that are there already stay as they are."""
    return [
        _add_example(example, settings, organization_id, by, now)
        for example in examples()
        if builds.by_slug(example.slug, organization_id) is None
    ]


def _add_example(example: Example, settings: Settings, organization_id: int, by: Actor, now: datetime) -> Test:
    test = add_test(
        organization_id, example.slug, example.name, by, now, description=example.description,
        technique=example.technique, requires=example.requires,
    )  # fmt: skip
    with (SOURCES / f"{example.slug}.sh").open("rb") as source:
        upload(test, source, settings.data, by, now)
    return test


def _bound(facts: Facts, platform: str, arch: str) -> Facts:
    """What the owner says about the file, where the file itself leaves it open."""
    for field, said, known, choices in (
        ("platform", platform, facts.platform, PLATFORMS),
        ("arch", arch, facts.arch, ARCHES),
    ):
        if said and said not in choices:
            raise ManifestError(field, _("Choose one of %(choices)s", choices=", ".join(choices)))
        if said and said != known and known != ANY:
            raise ManifestError(
                field, _("The file is for %(platform)s/%(arch)s", platform=facts.platform, arch=facts.arch)
            )
    return Facts(platform or facts.platform, arch or facts.arch, facts.size, facts.sha256)


def _next_version(test: Test, facts: Facts, wanted: int | None) -> int:
    """Builds for several platforms share a number until one of them is replaced."""
    highest = builds.highest_version(test.slug, test.organization_id)
    taken = builds.highest_version(test.slug, test.organization_id, facts.platform, facts.arch)
    lowest = highest + 1 if taken == highest else highest
    if wanted is not None and wanted < lowest:
        raise ManifestError(
            "version",
            _("Hosts may have run version %(highest)s. Use %(lowest)s or more", highest=highest, lowest=lowest),
        )
    return wanted or max(1, lowest)


def _switch(thing: Test | Build, enabled: bool, by: Actor, now: datetime) -> None:
    word = "enabled" if enabled else "disabled"
    if thing.enabled == enabled:
        raise Refused("unchanged", _("It is %(word)s already", word=word))
    thing.enabled = enabled
    if isinstance(thing, Build):
        _changed(thing.test, f"build.{word}", by, now, thing)
    else:
        thing.updated_at = now
        _record(thing, f"test.{word}", by, now, {"enabled": not enabled}, {"enabled": enabled})
        builds.forget()


def _changed(test: Test, kind: str, by: Actor, now: datetime, build: Build, before: dict[str, Any] | None = None,
             text: str | None = None) -> None:  # fmt: skip
    test.updated_at = now
    db.session.flush()
    db.session.expire(test, ["builds"])
    builds.forget()
    facts = {"build": build.uuid, "runs_on": build.runs_on, "version": build.version, "sha256": build.sha256}
    _record(test, kind, by, now, before, facts, text)


def _record(test: Test, kind: str, by: Actor, now: datetime, before: dict[str, Any] | None = None,
            after: dict[str, Any] | None = None, text: str | None = None) -> None:  # fmt: skip
    with writing_to(test.organization_id):
        events.record(test.organization_id, kind, "test", test.id, by, now, text=text, data=after)
    audit.record(test.organization_id, kind, f"test {test.slug}", by, now, before, after)


def _facts(test: Test) -> dict[str, Any]:
    return {"name": test.name, "description": test.description, "technique": test.technique, "requires": test.requires}
