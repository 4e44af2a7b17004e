"""The installation's signing key: 32 bytes in a file of mode 0600, made on first use.

Its trust (see `trust.py`) lies in a file beside it. Several processes share both: a question reads them afresh, a
change holds a lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from webapp.config import read_key
from webapp.library import trust as trusts
from webapp.library.manifest import canonical, instant
from webapp.library.trust import Key, Trust, key_id

BINARY = b"muster-binary-v1\n"
COMMAND = b"muster-command-v1\n"


class SigningError(ValueError):
    """A change that would leave the agents without a key, or is no change; the text is for the person who asked."""


class Signing:
    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file
        self.trust_file = key_file.with_suffix(".trust.json")
        self._next_file = key_file.with_suffix(".next")

    def sign_manifest(self, manifest: dict[str, Any]) -> dict[str, Any]:
        return trusts.signed("manifest", BINARY, manifest, self._key())

    def sign_command(
        self, command: Any, *, task_id: str, lease_seq: int, agent_id: str, expires_at: datetime
    ) -> dict[str, Any]:
        """Permission for one lease to run exactly this; neither a copied database nor a proxy can make one up."""
        order = {
            "task_id": task_id,
            "lease_seq": lease_seq,
            "agent_id": agent_id,
            "command_sha256": hashlib.sha256(canonical(command)).hexdigest(),
            "expires_at": instant(expires_at),
        }
        return trusts.signed("command", COMMAND, order, self._key())

    def bundle(self, now: datetime) -> Trust:
        """What an agent pins when it enrols."""
        trust = self.trust(now)
        return {"roots": trust["roots"][-1:], "revoked": trust["revoked"]}

    def news(self, root_version: int, revoked_version: int, now: datetime) -> Trust | None:
        """What an agent that knows these versions has missed, for the answer to its heartbeat."""
        return trusts.news(self.trust(now), root_version, revoked_version)

    def trust(self, now: datetime) -> Trust:
        """Renewed when it is due, so that no agent ever stops because some loop did not run."""
        trust = self._load()
        if trust is None or trusts.due(trust, now):
            with self._changing(now) as trust:
                pass
        return trust

    def withdraw(self, sha256: str, now: datetime) -> None:
        """No agent starts this file again, whoever signed it."""
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise SigningError("A SHA-256 has 64 digits from 0 to f.")
        with self._changing(now) as trust:
            trusts.withdraw(trust, sha256, self._key(), now)

    def rotate(self, now: datetime) -> str:
        """A new key takes over, vouched for by the old one, whose private half is gone afterwards.

        The new root is stored before the new key: until then the old key signs, and it is trusted. A rotation that was
        interrupted in between ends at the next change.
        """
        with self._changing(now) as trust:
            new = _private(read_key(self._next_file))
            trusts.rotate(trust, self._key(), new, now)
            self._store(trust)
            self._end_rotation(trust)
            return key_id(new)

    def revoke_key(self, name: str, now: datetime) -> None:
        """Nothing that this key signed is believed any more, at once."""
        with self._changing(now) as trust:
            if name not in trusts.keys(trust):
                raise SigningError(f"There is no signing key {name}.")
            if name == key_id(self._key()):
                raise SigningError("This key signs now. Rotate first, then revoke it.")
            if trusts.keys(trust)[name]["status"] != "revoked":
                trusts.revoke(trust, [name], self._key(), now)

    @contextmanager
    def _changing(self, now: datetime) -> Iterator[Trust]:
        self.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.key_file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            trust = self._load() or trusts.first(self._key(), now)
            self._end_rotation(trust)
            trusts.renew(trust, self._key(), now)
            yield trust
            self._store(trust)

    def _end_rotation(self, trust: Trust) -> None:
        if self._next_file.exists() and key_id(_private(read_key(self._next_file))) in trusts.keys(trust):
            os.replace(self._next_file, self.key_file)

    def _key(self) -> Key:
        return _private(read_key(self.key_file))

    def _load(self) -> Trust | None:
        try:
            return json.loads(self.trust_file.read_bytes())
        except FileNotFoundError:
            return None

    def _store(self, trust: Trust) -> None:
        new = self.trust_file.with_suffix(".new")  # alone under the lock
        with new.open("w") as file:
            json.dump(trust, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.trust_file)


def _private(seed: bytes) -> Key:
    return Key.from_private_bytes(seed)
