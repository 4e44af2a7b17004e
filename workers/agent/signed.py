"""What every signed document shares: one way to write it, one way to sign it, one way to refuse it."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime, timezone
from typing import Any

from . import ed25519

# Each kind of document has its own first line, so a signature over one can never pass for another.
BINARY = b"muster-binary-v1\n"
COMMAND = b"muster-command-v1\n"
ROOT = b"muster-root-v1\n"
REVOKED = b"muster-revoked-v1\n"


class Refused(Exception):
    """Nothing may run. `code` is a failure reason of the product's closed list, `text` a sentence for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def canonical(document: Any) -> bytes:
    """The one spelling of a document that is signed and hashed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def is_signed_by(public: bytes, domain: bytes, document: Any, signature: Any) -> bool:
    try:
        message, raw = domain + canonical(document), base64.b64decode(signature, validate=True)
    except (TypeError, ValueError):  # NaN, text that is not base64, no text at all
        return False
    return ed25519.verify(public, message, raw)


def key_id(public: bytes) -> str:
    """A key is named by its own hash, so no document can give one key's name to another."""
    return hashlib.sha256(public).hexdigest()[:16]


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
