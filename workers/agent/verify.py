"""May this file, may this command run here? Asked before the download and again right before the start.

Every answer but yes is `Refused(code, text)`. The order of the questions matters: nothing in a manifest is believed
before its signature is, and the size is known before a byte is fetched.
"""

from __future__ import annotations

import hashlib
import json
import platform as _platform
import re
import threading
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from .disk import write_private
from .signed import BINARY, COMMAND, Refused, canonical, is_signed_by, moment
from .trust import Trust

MAX_SIZE = 100 * 1024 * 1024
# What a task of each kind may run.
TYPE_OF_KIND = {"execute_test": "binary", "plugin": "plugin", "update_agent": "update"}
ANY = "any"
_SHA256 = re.compile("[0-9a-f]{64}")
_SKEW = timedelta(hours=24)


@dataclass(frozen=True)
class Manifest:
    type: str
    kind: str
    name: str
    version: int
    org: str
    platform: str
    arch: str
    size: int
    sha256: str
    issued_at: str
    expires_at: str
    min_agent: str
    key_id: str


@dataclass(frozen=True)
class Wanted:
    """What the task asks for, and the host that is asked."""

    kind: str
    name: str
    org: str
    platform: str
    arch: str
    agent_version: str


def check(
    signed: Any, wanted: Wanted, trust: Trust, versions: Versions, now: datetime, max_size: int = MAX_SIZE
) -> Manifest:
    """The manifest, if the file that it describes may run for this task on this host now; its version is remembered."""
    manifest = _signed_manifest(signed, trust)
    _require_wanted(manifest, wanted)
    _require_platform(manifest, wanted)
    _require_agent(manifest, wanted)
    require_valid(manifest, trust, now)
    if manifest.size > max_size:
        raise Refused("size_mismatch", f"The file has {manifest.size} bytes; this host takes {max_size} at most.")
    versions.accept(manifest)
    return manifest


def require_valid(manifest: Manifest, trust: Trust, now: datetime) -> None:
    """What time and news may have changed since the first check: asked again right before the start."""
    trust.require_current(now)
    trust.key(manifest.key_id, "manifest")
    _require_in_time(manifest, now)
    trust.require_not_withdrawn(manifest.sha256, now)


def check_command(
    signed: Any, command: Any, task_id: str, lease_seq: int, agent_id: str, trust: Trust, now: datetime
) -> None:
    """Refuses a command that the server did not sign for this lease of this task on this agent."""
    trust.require_current(now)
    try:
        order = signed["command"]
        if not is_signed_by(trust.key(order["key_id"], "command"), COMMAND, order, signed["signature"]):
            raise Refused("signature_invalid", "The command is not signed by a trusted key.")
        meant = (order["task_id"], order["lease_seq"], order["agent_id"])
        expires_at, same = moment(order["expires_at"]), order["command_sha256"] == command_sha256(command)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused("signature_invalid", "The command carries no signature that can be read.") from error
    if meant != (task_id, lease_seq, agent_id):
        raise Refused("policy_refused", "The command was signed for another task, lease or agent.")
    if now >= expires_at:
        raise Refused("manifest_expired", f"The permission to run this command ended at {order['expires_at']}.")
    if not same:
        raise Refused("checksum_mismatch", "The command is not the one that was signed.")


def command_sha256(command: Any) -> str:
    """Over all that decides what happens: command or argv, environment, folder, run-as user."""
    return hashlib.sha256(canonical(command)).hexdigest()


class Versions:
    """The newest version of each name that was accepted here; an older one, once signed, would be a replay."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()

    def accept(self, manifest: Manifest) -> None:
        name = canonical([manifest.org, manifest.kind, manifest.name]).decode()
        with self._lock:
            seen = self._read()
            highest = seen.get(name, 0)
            if manifest.version < highest:
                text = f"Version {manifest.version} is older than version {highest}, which ran here before."
                raise Refused("version_rollback", text)
            if manifest.version > highest:
                write_private(self._path, json.dumps({**seen, name: manifest.version}).encode())

    def _read(self) -> dict:
        try:
            with open(self._path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Refused("policy_refused", f"The record of versions cannot be read: {error}.") from error


def this_host() -> tuple[str, str]:
    """Platform and architecture in the words of manifests."""
    machine = _platform.machine().lower()
    arch = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386"}.get(machine, machine)
    return _platform.system().lower(), arch


def trusted_now(local: datetime, server: datetime | None) -> tuple[datetime, str]:
    """The time to judge by, and a note when it is the server's because this host's clock is a day off or more."""
    if server is None or abs(local - server) < _SKEW:
        return local, ""
    return server, f"The clock of this host says {local:%Y-%m-%d %H:%M}; expiry was judged by the server's."


def _signed_manifest(signed: Any, trust: Trust) -> Manifest:
    try:
        document = signed["manifest"]
        manifest = Manifest(**{field.name: document[field.name] for field in fields(Manifest)})
        _require_shape(manifest)
        signature = signed["signature"]
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("signature_invalid", "The file carries no signed manifest that can be read.") from error
    if not is_signed_by(trust.key(manifest.key_id, "manifest"), BINARY, document, signature):
        raise Refused("signature_invalid", "The manifest is not signed by a trusted key.")
    return manifest


def _require_shape(manifest: Manifest) -> None:
    for field in fields(Manifest):
        # bool is an int to isinstance, and true is not a version.
        if type(getattr(manifest, field.name)).__name__ != field.type:
            raise ValueError(field.name)
    if manifest.version < 1 or manifest.size < 0 or not _SHA256.fullmatch(manifest.sha256):
        raise ValueError("range")
    moment(manifest.issued_at), moment(manifest.expires_at), _numbers(manifest.min_agent)


def _require_wanted(manifest: Manifest, wanted: Wanted) -> None:
    if manifest.kind != wanted.kind or manifest.type != TYPE_OF_KIND.get(wanted.kind):
        raise Refused(
            "policy_refused", f"The file is a {manifest.type} for {manifest.kind}, the task is {wanted.kind}."
        )
    if manifest.name != wanted.name:
        raise Refused("policy_refused", f"The file is “{manifest.name}”, the task asks for “{wanted.name}”.")
    if manifest.org != wanted.org:
        raise Refused("policy_refused", "The file was signed for another organisation.")


def _require_platform(manifest: Manifest, wanted: Wanted) -> None:
    fits = manifest.platform in (wanted.platform, ANY) and manifest.arch in (wanted.arch, ANY)
    # A binary for any platform is a script with a first line `#!`, which Windows does not know.
    script_on_windows = (manifest.type, manifest.platform, wanted.platform) == ("binary", ANY, "windows")
    if not fits or script_on_windows:
        text = f"The file is for {manifest.platform}/{manifest.arch}, this host is {wanted.platform}/{wanted.arch}."
        raise Refused("no_build_for_platform", text)


def _require_in_time(manifest: Manifest, now: datetime) -> None:
    if now >= moment(manifest.expires_at):
        raise Refused("manifest_expired", f"The manifest expired at {manifest.expires_at}.")
    if now < moment(manifest.issued_at) - _SKEW:
        raise Refused("manifest_expired", f"The manifest is not valid before {manifest.issued_at}.")


def _require_agent(manifest: Manifest, wanted: Wanted) -> None:
    if _numbers(wanted.agent_version) < _numbers(manifest.min_agent):
        text = f"The file needs an agent of version {manifest.min_agent}; this one is {wanted.agent_version}."
        raise Refused("policy_refused", text)


def _numbers(version: str) -> tuple[int, ...]:
    """1.10 is newer than 1.9; what follows a + or - names a build and does not count."""
    return tuple(int(part) for part in re.split("[+-]", version)[0].split("."))
