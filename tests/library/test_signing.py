"""The server's side of signing: one key in one private file, a chain of roots, a list that is never stale."""

from __future__ import annotations

import json
import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from webapp.library import trust
from webapp.library.signing import Signing, SigningError
from workers.agent.trust import Trust

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def signing(tmp_path):
    return Signing(tmp_path / "keys" / "signing.key")


def test_the_key_is_made_on_first_use_and_private(signing):
    signing.sign_manifest({})
    assert os.stat(signing.key_file).st_mode & 0o777 == 0o600
    assert os.stat(signing.key_file.parent).st_mode & 0o777 == 0o700


def test_a_restart_keeps_key_and_trust(signing):
    again = Signing(signing.key_file)
    assert again.bundle(NOW) == signing.bundle(NOW)
    assert again.sign_manifest({"a": 1}) == signing.sign_manifest({"a": 1})


def test_first_use_by_several_processes_at_once_makes_one_key(signing):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        bundles = pool.map(_bundle, [str(signing.key_file)] * 8)
    assert all(bundle == bundles[0] for bundle in bundles)


def test_rotations_by_several_processes_at_once_make_one_chain(signing):
    known = Trust.pin(signing.bundle(NOW))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.map(_rotate, [str(signing.key_file)] * 8)
    assert len(set(made)) == 8
    assert known.updated(signing.news(1, 0, NOW)).root["version"] == 9


def test_after_a_rotation_the_new_key_signs(signing):
    old = signing.sign_manifest({})["manifest"]["key_id"]
    new = signing.rotate(NOW)
    assert signing.sign_manifest({})["manifest"]["key_id"] == new != old
    assert [key["status"] for key in trust.keys(signing.trust(NOW)).values()] == ["retiring", "active"]


def test_the_old_private_key_is_gone(signing):
    signing.bundle(NOW)
    old = signing.key_file.read_bytes()
    signing.rotate(NOW)
    assert not any(old in file.read_bytes() for file in signing.key_file.parent.iterdir())


def test_the_old_key_is_revoked_after_the_overlap(signing):
    signing.bundle(NOW)
    signing.rotate(NOW)
    later = NOW + trust.OVERLAP
    assert status(signing, later - DAY) == ["retiring", "active"]
    assert status(signing, later) == ["revoked", "active"]


def test_a_rotation_cut_off_before_the_new_key_took_over_is_ended(signing):
    """As it lies on the disk after a crash between the two files: root with both keys, old key, new key aside."""
    signing.bundle(NOW)
    before = signing.key_file.read_bytes()
    new = signing.rotate(NOW)
    signing.key_file.rename(signing.key_file.with_suffix(".next"))
    signing.key_file.write_bytes(before)
    assert signing.sign_manifest({})["manifest"]["key_id"] != new
    signing.withdraw("a" * 64, NOW)
    assert signing.sign_manifest({})["manifest"]["key_id"] == new
    assert status(signing, NOW) == ["retiring", "active"]


def test_a_rotation_cut_off_before_the_root_was_stored_begins_again(signing):
    signing.bundle(NOW)
    signing.key_file.with_suffix(".next").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    assert signing.sign_manifest({})["manifest"]["key_id"] != signing.rotate(NOW)
    assert len(trust.keys(signing.trust(NOW))) == 2


def test_the_signing_key_cannot_be_revoked(signing):
    now_signing = signing.sign_manifest({})["manifest"]["key_id"]
    with pytest.raises(SigningError, match="Rotate first"):
        signing.revoke_key(now_signing, NOW)


def test_an_unknown_key_cannot_be_revoked(signing):
    with pytest.raises(SigningError, match="There is no signing key"):
        signing.revoke_key("nobody", NOW)


def test_revoking_twice_changes_nothing(signing):
    old = signing.sign_manifest({})["manifest"]["key_id"]
    signing.rotate(NOW)
    signing.revoke_key(old, NOW)
    version = trust.newest(signing.trust(NOW))["version"]
    signing.revoke_key(old, NOW)
    assert trust.newest(signing.trust(NOW))["version"] == version


def test_withdrawn_files_stay_withdrawn(signing):
    signing.withdraw("b" * 64, NOW)
    signing.withdraw("a" * 64, NOW)
    signing.withdraw("a" * 64, NOW)
    signing.rotate(NOW)
    assert trust.withdrawn(signing.trust(NOW + 40 * DAY)) == ["a" * 64, "b" * 64]


@pytest.mark.parametrize("sha256", ["", "a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_only_a_hash_can_be_withdrawn(signing, sha256):
    with pytest.raises(SigningError):
        signing.withdraw(sha256, NOW)


def test_the_list_is_renewed_each_day_and_no_more_often(signing):
    first = signing.bundle(NOW)
    assert signing.bundle(NOW + DAY / 2) == first
    renewed = signing.bundle(NOW + DAY)
    assert renewed["revoked"]["revoked"]["expires_at"] == "2026-11-29T12:00:00Z"
    assert renewed["roots"] == first["roots"]


def test_the_root_is_renewed_long_before_it_ends(signing):
    known = Trust.pin(signing.bundle(NOW))
    later = NOW + 60 * DAY
    updated = known.updated(signing.news(1, known.revoked["version"], later))
    updated.require_current(NOW + 400 * DAY)


def test_an_agent_that_knows_all_gets_no_news(signing):
    known = Trust.pin(signing.bundle(NOW))
    assert signing.news(known.root["version"], known.revoked["version"], NOW) is None


def test_an_installation_restored_from_a_backup_goes_on_above_what_agents_saw(signing):
    backup = signing.bundle(NOW) and signing.trust_file.read_bytes()
    for _ in range(3):
        signing.withdraw("a" * 64, NOW)
    known = Trust.pin(signing.bundle(NOW))
    signing.trust_file.write_bytes(backup)
    signing.withdraw("b" * 64, NOW + DAY)
    updated = known.updated(signing.news(1, known.revoked["version"], NOW + DAY))
    assert updated.revoked["sha256"] == ["b" * 64]


def test_the_trust_file_holds_nothing_secret(signing):
    signing.bundle(NOW)
    seed = signing.key_file.read_text().strip()
    assert seed not in signing.trust_file.read_text()
    assert set(json.loads(signing.trust_file.read_text())) == {"roots", "revoked"}


def status(signing, now) -> list[str]:
    return [key["status"] for key in trust.keys(signing.trust(now)).values()]


def _bundle(key_file: str):
    return Signing(Path(key_file)).bundle(NOW)


def _rotate(key_file: str):
    return Signing(Path(key_file)).rotate(NOW)
