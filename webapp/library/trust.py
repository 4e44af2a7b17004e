"""What the installation says about its own keys: a chain of roots, and the list of withdrawn files.

A trust is `{"roots": [signed root, …], "revoked": signed list}`, plain enough to be a file and an answer. Every root so
far stays in it, because an agent that was away for two rotations follows step by step (TUF specification, 5.3).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from webapp.library.manifest import canonical, instant

# The first line of each kind of document, so a signature over one can never pass for another.
ROOT = b"muster-root-v1\n"
REVOKED = b"muster-revoked-v1\n"

ROLES = ["root", "manifest", "command"]
ROOT_LIFETIME = timedelta(days=365)
# Whoever withholds news from an agent hides a withdrawal no longer than this.
LIST_LIFETIME = timedelta(days=7)
# How long a key that was replaced stays good: longer than anything that it signed.
OVERLAP = timedelta(days=14)

Trust = dict[str, Any]
Key = Ed25519PrivateKey


def first(key: Key, now: datetime) -> Trust:
    trust: Trust = {"roots": []}
    _add_root(trust, {key_id(key): _entry(key, now)}, [key], now)
    _set_list(trust, [], key, now)
    return trust


def rotate(trust: Trust, old: Key, new: Key, now: datetime) -> None:
    """The old key vouches for the new one and stays good for the overlap."""
    retiring = {**keys(trust)[key_id(old)], "status": "retiring", "since": instant(now)}
    _add_root(trust, {**keys(trust), key_id(old): retiring, key_id(new): _entry(new, now)}, [old, new], now)
    _set_list(trust, withdrawn(trust), new, now)


def revoke(trust: Trust, names: Iterable[str], key: Key, now: datetime) -> None:
    revoked = {name: {**keys(trust)[name], "status": "revoked", "since": instant(now)} for name in names}
    _add_root(trust, {**keys(trust), **revoked}, [key], now)
    _set_list(trust, withdrawn(trust), key, now)


def withdraw(trust: Trust, sha256: str, key: Key, now: datetime) -> None:
    _set_list(trust, {*withdrawn(trust), sha256}, key, now)


def renew(trust: Trust, key: Key, now: datetime) -> None:
    """Ends overlaps, and replaces what is past a seventh of its life: agents may miss six days of news."""
    if retired := _retired(trust, now):
        revoke(trust, retired, key, now)
    if _aged(newest(trust), ROOT_LIFETIME, now):
        _add_root(trust, keys(trust), [key], now)
    if _aged(trust["revoked"]["revoked"], LIST_LIFETIME, now):
        _set_list(trust, withdrawn(trust), key, now)


def due(trust: Trust, now: datetime) -> bool:
    """Would `renew` change anything?"""
    aged = _aged(newest(trust), ROOT_LIFETIME, now) or _aged(trust["revoked"]["revoked"], LIST_LIFETIME, now)
    return aged or bool(_retired(trust, now))


def news(trust: Trust, root_version: int, revoked_version: int) -> Trust | None:
    """What an agent that knows these versions has missed."""
    roots = [signed for signed in trust["roots"] if signed["root"]["version"] > root_version]
    if not roots and trust["revoked"]["revoked"]["version"] <= revoked_version:
        return None
    return {"roots": roots, "revoked": trust["revoked"]}


def newest(trust: Trust) -> dict[str, Any]:
    return trust["roots"][-1]["root"]


def keys(trust: Trust) -> dict[str, dict[str, Any]]:
    return newest(trust)["keys"]


def withdrawn(trust: Trust) -> list[str]:
    return trust["revoked"]["revoked"]["sha256"]


def signed(noun: str, domain: bytes, body: dict[str, Any], key: Key) -> dict[str, Any]:
    body = {**body, "key_id": key_id(key)}
    return {noun: body, "signature": _signature(domain, body, key)}


def key_id(key: Key) -> str:
    """A key is named by its own hash, so no root can give one key's name to another."""
    return hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]


def _add_root(trust: Trust, keys: dict[str, Any], signers: list[Key], now: datetime) -> None:
    body = {
        "version": len(trust["roots"]) + 1,
        "issued_at": instant(now),
        "expires_at": instant(now + ROOT_LIFETIME),
        "keys": keys,
    }
    trust["roots"].append({"root": body, "signatures": {key_id(key): _signature(ROOT, body, key) for key in signers}})


def _set_list(trust: Trust, sha256: Iterable[str], key: Key, now: datetime) -> None:
    """Versions follow the clock, so an installation restored from a backup goes on above what agents have seen."""
    seen = trust["revoked"]["revoked"]["version"] if "revoked" in trust else 0
    body = {
        "version": max(seen + 1, int(now.timestamp())),
        "issued_at": instant(now),
        "expires_at": instant(now + LIST_LIFETIME),
        "sha256": sorted(sha256),
    }
    trust["revoked"] = signed("revoked", REVOKED, body, key)


def _aged(body: dict[str, Any], lifetime: timedelta, now: datetime) -> bool:
    return now >= _moment(body["issued_at"]) + lifetime / 7


def _retired(trust: Trust, now: datetime) -> list[str]:
    return [
        name
        for name, key in keys(trust).items()
        if key["status"] == "retiring" and now >= _moment(key["since"]) + OVERLAP
    ]


def _entry(key: Key, now: datetime) -> dict[str, Any]:
    return {
        "public": key.public_key().public_bytes_raw().hex(),
        "roles": ROLES,
        "status": "active",
        "since": instant(now),
    }


def _signature(domain: bytes, body: dict[str, Any], key: Key) -> str:
    return base64.b64encode(key.sign(domain + canonical(body))).decode()


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
