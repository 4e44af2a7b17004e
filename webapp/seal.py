"""Secrets at rest. Each has a key of its own, which is wrapped by the installation's key (MUSTER_SECRETS_KEY_FILE).

A sealed secret is text: `v1.<id of the wrapping key>.<wrapped key>.<content>`, both parts AES-256-GCM. Organisation,
secret and version are authenticated with it, so a ciphertext copied into another row opens nowhere. A copy of the
database without the key file opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webapp.config import read_key

# What each ciphertext is, so that neither part can stand in for the other.
_KEY = b"muster-secret-key-v1\n"
_CONTENT = b"muster-secret-v1\n"
_NONCE = 12


class SealError(ValueError):
    """A secret that cannot be opened; the text says why and holds nothing secret."""


@dataclass(frozen=True)
class Place:
    """Where a secret belongs. A new value is a new version."""

    org: int | str
    secret: int | str
    version: int

    @property
    def associated(self) -> bytes:
        return json.dumps([str(self.org), str(self.secret), self.version]).encode()


class Seal:
    """The key file, and beside it the earlier keys, for what was not wrapped anew yet. Both are read at each use."""

    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file
        self.old_file = key_file.with_suffix(".old")

    def seal(self, secret: bytes, place: Place) -> str:
        own = AESGCM.generate_key(bit_length=256)
        return self._wrapped(own, _encrypt(own, secret, _CONTENT + place.associated), place)

    def unseal(self, sealed: str, place: Place) -> bytes:
        own, content = self._unwrapped(sealed, place)
        return _decrypt(own, content, _CONTENT + place.associated)

    def wrapped_anew(self, sealed: str, place: Place) -> str:
        """The same secret under the present key; its content is neither opened nor written again."""
        own, content = self._unwrapped(sealed, place)
        return self._wrapped(own, content, place)

    def current(self, sealed: str) -> bool:
        return _parts(sealed)[0] == key_id(read_key(self.key_file))

    def rotate(self) -> str:
        """A new key for what is sealed from now on. Wrap the rest anew, then `forget` the earlier keys."""
        self.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.key_file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # First kept, then replaced: cut off in between, the same key is there twice.
            _write(self.old_file, [*self._old(), read_key(self.key_file)])
            new = secrets.token_bytes(32)
            _write(self.key_file, [new])
            return key_id(new)

    def forget(self) -> None:
        """From here on nothing opens that was not wrapped anew."""
        self.old_file.unlink(missing_ok=True)

    def _wrapped(self, own: bytes, content: bytes, place: Place) -> str:
        key = read_key(self.key_file)
        return ".".join(["v1", key_id(key), _text(_encrypt(key, own, _KEY + place.associated)), _text(content)])

    def _unwrapped(self, sealed: str, place: Place) -> tuple[bytes, bytes]:
        name, wrapped, content = _parts(sealed)
        # Before and after: another process may rotate while this one reads.
        known = (read_key(self.key_file), *self._old(), read_key(self.key_file))
        keys = {key_id(key): key for key in known}
        if name not in keys:
            raise SealError(f"The secret was sealed with the key {name}, which is not in {self.key_file.name}.")
        return _decrypt(keys[name], wrapped, _KEY + place.associated), content

    def _old(self) -> list[bytes]:
        if not self.old_file.exists():
            return []
        return [base64.b64decode(line) for line in self.old_file.read_bytes().split()]


def key_id(key: bytes) -> str:
    """Names a key without telling anything about it."""
    return hashlib.sha256(b"muster-secrets-key-id\n" + key).hexdigest()[:8]


def _encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def _decrypt(key: bytes, data: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], associated)
    except (InvalidTag, ValueError):
        raise SealError("The stored secret was changed, or belongs to another place.") from None


def _parts(sealed: str) -> tuple[str, bytes, bytes]:
    try:
        form, name, wrapped, content = sealed.split(".")
        if form != "v1":
            raise ValueError(form)
        return name, base64.b64decode(wrapped, validate=True), base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        raise SealError("This is no sealed secret.") from None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _write(path: Path, keys: list[bytes]) -> None:
    new = path.with_suffix(path.suffix + ".new")  # alone under the lock
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(b"".join(base64.b64encode(key) + b"\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
