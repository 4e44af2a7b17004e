"""Key changes arrive step by step, each vouched for by the one before; nothing older is ever taken again."""

from __future__ import annotations

import copy
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from webapp.library import trust as server
from webapp.library.signing import Signing
from workers.agent.signed import Refused
from workers.agent.trust import Trust, accept_root, load, save

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def signing(tmp_path):
    return Signing(tmp_path / "signing.key")


@pytest.fixture
def pinned(signing):
    return Trust.pin(signing.bundle(NOW))


def news(signing, known: Trust, now=NOW):
    return signing.news(known.root["version"], known.revoked["version"], now)


def refused(code: str):
    return pytest.raises(Refused, check=lambda error: error.code == code)


def test_an_agent_that_was_away_for_three_rotations_follows(signing, pinned):
    for _ in range(3):
        signing.rotate(NOW)
    updated = pinned.updated(news(signing, pinned))
    assert updated.root["version"] == 4
    assert updated.key(list(updated.root["keys"])[-1], "manifest")
    assert news(signing, updated) is None


def test_the_old_trust_stays_as_it_was(signing, pinned):
    signing.rotate(NOW)
    pinned.updated(news(signing, pinned))
    assert pinned.root["version"] == 1


def test_a_version_cannot_be_left_out(signing, pinned):
    signing.rotate(NOW)
    signing.rotate(NOW)
    bundle = news(signing, pinned)
    with refused("version_rollback"):
        pinned.updated({**bundle, "roots": bundle["roots"][1:]})


def test_an_older_root_is_passed_over_and_never_taken(signing, pinned):
    signing.rotate(NOW)
    updated = pinned.updated(news(signing, pinned))
    assert updated.updated({"roots": pinned.bundle()["roots"]}).root["version"] == 2
    with refused("version_rollback"):
        accept_root(updated.bundle()["roots"][0], pinned.bundle()["roots"][0])


def test_a_root_by_a_stranger(pinned, tmp_path):
    stranger = Signing(tmp_path / "stranger.key")
    stranger.trust(NOW)
    stranger.rotate(NOW)
    with refused("signature_invalid"):
        pinned.updated(stranger.news(1, 0, NOW))


def test_a_root_that_its_own_keys_do_not_sign(signing, pinned):
    """The old key alone could name a key whose holder does not exist."""
    new = root(pinned, version=2, keys={})
    new["root"]["keys"] = {}
    key = signing._key()
    new["signatures"] = {server.key_id(key): server._signature(server.ROOT, new["root"], key)}
    with refused("signature_invalid"):
        accept_root(pinned.bundle()["roots"][0], new)


def test_a_revoked_key_vouches_for_nothing(signing, pinned):
    old = signing._key()
    signing.rotate(NOW)
    signing.revoke_key(server.key_id(old), NOW)
    updated = pinned.updated(news(signing, pinned))
    forged = sign(root(updated, version=4), old)
    with refused("signature_invalid"):
        accept_root(updated.bundle()["roots"][0], forged)


def test_a_revoked_key_does_not_come_back(signing, pinned):
    old = server.key_id(signing._key())
    signing.rotate(NOW)
    signing.revoke_key(old, NOW)
    updated = pinned.updated(news(signing, pinned))
    revived = root(updated, version=4)
    revived["root"]["keys"][old]["status"] = "active"
    with refused("manifest_revoked"):
        accept_root(updated.bundle()["roots"][0], sign(revived, signing._key()))


def test_a_revoked_key_is_not_forgotten(signing, pinned):
    old = server.key_id(signing._key())
    signing.rotate(NOW)
    signing.revoke_key(old, NOW)
    updated = pinned.updated(news(signing, pinned))
    without = root(updated, version=4)
    del without["root"]["keys"][old]
    with refused("signature_invalid"):
        accept_root(updated.bundle()["roots"][0], sign(without, signing._key()))


def test_a_list_by_a_key_revoked_meanwhile_does_not_stay(signing, pinned):
    old = server.key_id(signing._key())
    signing.rotate(NOW)
    signing.revoke_key(old, NOW)
    with refused("manifest_revoked"):
        pinned.updated({"roots": news(signing, pinned)["roots"]})


def test_a_key_cannot_take_the_name_of_another(signing, pinned):
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    name = server.key_id(signing._key())
    forged = root(pinned, version=2)
    forged["root"]["keys"][name]["public"] = other
    with refused("signature_invalid"):
        accept_root(pinned.bundle()["roots"][0], sign(forged, signing._key()))


def test_roles_are_kept(signing, pinned):
    name = server.key_id(signing._key())
    with refused("signature_invalid"):
        pinned.key(name, "launch")


def test_expired_keys_are_refused(pinned):
    pinned.require_current(NOW + timedelta(days=364))
    with refused("manifest_expired"):
        pinned.require_current(NOW + timedelta(days=365))


def test_an_older_list_of_withdrawn_files_is_refused(signing, pinned):
    old = signing.bundle(NOW)["revoked"]
    signing.withdraw("a" * 64, NOW)
    updated = pinned.updated(news(signing, pinned))
    with refused("version_rollback"):
        updated.updated({"revoked": old})


def test_a_list_that_was_changed(signing, pinned):
    signing.withdraw("a" * 64, NOW)
    changed = news(signing, pinned)
    changed["revoked"]["revoked"]["sha256"] = []
    with refused("signature_invalid"):
        pinned.updated(changed)


@pytest.mark.parametrize("bundle", [None, {}, [], {"roots": []}, {"roots": [{}], "revoked": {}}, {"roots": 7}])
def test_nothing_is_pinned_from_nonsense(bundle):
    with refused("signature_invalid"):
        Trust.pin(bundle)


@pytest.mark.parametrize(
    "bundle", [None, [], {"roots": [7]}, {"roots": [{"root": {"version": 2}}]}, {"revoked": {"x": 1}}]
)
def test_nonsense_changes_nothing(pinned, bundle):
    with refused("signature_invalid"):
        pinned.updated(bundle)


def test_a_trust_survives_a_restart(pinned, tmp_path):
    path = str(tmp_path / "trust.json")
    save(pinned, path)
    assert load(path).bundle() == pinned.bundle()
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path).count("trust.json") == 1


def test_a_trust_file_that_was_edited_is_not_believed(pinned, tmp_path):
    path = tmp_path / "trust.json"
    edited = copy.deepcopy(pinned.bundle())
    edited["roots"][0]["root"]["expires_at"] = "2099-01-01T00:00:00Z"
    path.write_text(json.dumps(edited))
    with refused("signature_invalid"):
        load(str(path))


def root(known: Trust, version: int, **changes) -> dict:
    signed = copy.deepcopy(known.bundle()["roots"][0])
    signed["root"].update(version=version, **changes)
    return signed


def sign(signed: dict, *keys) -> dict:
    signatures = {server.key_id(key): server._signature(server.ROOT, signed["root"], key) for key in keys}
    return {"root": signed["root"], "signatures": signatures}
