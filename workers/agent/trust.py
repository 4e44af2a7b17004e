"""What this host trusts: the installation's keys and the list of withdrawn files.

The first root is pinned at enrolment. Every later one is signed by a key of the root before it and counts one up (TUF
specification, 5.3), so neither a proxy nor whoever changes the server's database can hand out another key, or an old
root again. The list of withdrawn files lives seven days: withholding news hides a withdrawal no longer than that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from .disk import write_private
from .signed import REVOKED, ROOT, Refused, is_signed_by, key_id, moment

ROLES = frozenset({"root", "manifest", "command"})
_SHA256 = re.compile("[0-9a-f]{64}")


class Trust:
    """A verified root and list. It never changes: news gives a new one, so a half-taken update cannot be seen."""

    def __init__(self, root: dict, revoked: dict) -> None:
        self._signed_root, self._signed_list = root, revoked
        self.root, self.revoked = root["root"], revoked["revoked"]
        self._withdrawn = frozenset(self.revoked["sha256"])

    @classmethod
    def pin(cls, bundle: dict) -> Trust:
        """The first trust of a host, from the answer to its enrolment (or its own file)."""
        with _readable("The signing keys"):
            root = bundle["roots"][-1]
            _check_root(root)
            _require_signature(root, root)
            return cls(root, _checked_list(bundle["revoked"], root["root"], oldest=1))

    def updated(self, bundle: dict) -> Trust:
        """This trust with the newer roots and the newer list of a bundle; what is known already is passed over."""
        with _readable("The news about signing keys"):
            root = self._signed_root
            for new in sorted(bundle.get("roots", ()), key=lambda signed: signed["root"]["version"]):
                if new["root"]["version"] > root["root"]["version"]:
                    accept_root(root, new)
                    root = new
            newest = bundle.get("revoked") or self._signed_list
            return Trust(root, _checked_list(newest, root["root"], oldest=self.revoked["version"]))

    def bundle(self) -> dict:
        return {"roots": [self._signed_root], "revoked": self._signed_list}

    def key(self, name: str, role: str) -> bytes:
        """The public key of that name, if it may do that."""
        return _key(self.root, name, role)

    def require_current(self, now: datetime) -> None:
        if now >= moment(self.root["expires_at"]):
            raise Refused("manifest_expired", f"The signing keys expired at {self.root['expires_at']}.")

    def require_not_withdrawn(self, sha256: str, now: datetime) -> None:
        if now >= moment(self.revoked["expires_at"]):
            text = f"The list of withdrawn files expired at {self.revoked['expires_at']}; a newer one has not arrived."
            raise Refused("manifest_expired", text)
        if sha256 in self._withdrawn:
            raise Refused("manifest_revoked", "This file was withdrawn.")


def accept_root(old: dict, new: dict) -> None:
    """Refuses a new root that the old one does not vouch for. Both are signed documents."""
    with _readable("The new signing keys"):
        _check_root(new)
        was, will = old["root"]["version"], new["root"]["version"]
        if will != was + 1:
            raise Refused("version_rollback", f"Signing keys of version {will} cannot follow version {was}.")
        _require_signature(new, old)
        _require_signature(new, new)
        for name, key in old["root"]["keys"].items():
            # Nor may it be left out: the root after that could bring it back.
            if key["status"] == "revoked" and new["root"]["keys"][name]["status"] != "revoked":
                raise Refused("manifest_revoked", f"The new signing keys bring back the revoked key {name}.")


def load(path: str) -> Trust:
    with open(path, encoding="utf-8") as file:
        return Trust.pin(json.load(file))


def save(trust: Trust, path: str) -> None:
    write_private(path, json.dumps(trust.bundle(), indent=1).encode())


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """A document from outside may have any shape: what cannot be read as one of ours is not signed by us."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Refused("signature_invalid", f"{what} cannot be read.") from error


def _check_root(signed: dict) -> None:
    root = signed["root"]
    moment(root["expires_at"])
    if type(root["version"]) is not int or root["version"] < 1:
        raise ValueError("version")
    for name, key in root["keys"].items():
        if name != key_id(bytes.fromhex(key["public"])):
            raise Refused("signature_invalid", f"The key {name} is not the one of that name.")
        if key["status"] not in ("active", "retiring", "revoked") or not ROLES.issuperset(key["roles"]):
            raise ValueError("key")


def _require_signature(signed: dict, by: dict) -> None:
    """One signature by a living root key of `by` is enough; an installation has one signing key at a time."""
    for name, signature in signed["signatures"].items():
        key = by["root"]["keys"].get(name)
        if key is None or key["status"] == "revoked" or "root" not in key["roles"]:
            continue
        if is_signed_by(bytes.fromhex(key["public"]), ROOT, signed["root"], signature):
            return
    raise Refused("signature_invalid", "The new signing keys are not signed by a key that this host trusts.")


def _checked_list(signed: dict, root: dict, oldest: int) -> dict:
    revoked = signed["revoked"]
    if not is_signed_by(_key(root, revoked["key_id"], "manifest"), REVOKED, revoked, signed["signature"]):
        raise Refused("signature_invalid", "The list of withdrawn files is not signed by a trusted key.")
    moment(revoked["expires_at"])
    if type(revoked["version"]) is not int or not all(_SHA256.fullmatch(sha256) for sha256 in revoked["sha256"]):
        raise ValueError("list")
    if revoked["version"] < oldest:
        text = f"The list of withdrawn files is version {revoked['version']}; version {oldest} was seen before."
        raise Refused("version_rollback", text)
    return signed


def _key(root: dict, name: str, role: str) -> bytes:
    key = root["keys"].get(name)
    if key is None or role not in key["roles"]:
        raise Refused("signature_invalid", f"The key {name} is not one that this host trusts for this.")
    if key["status"] == "revoked":
        raise Refused("manifest_revoked", f"The key {name} was revoked.")
    return bytes.fromhex(key["public"])
