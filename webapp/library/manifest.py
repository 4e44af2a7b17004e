"""What is signed about a file: whose it is, what it is for, where it runs, and its exact bytes.

The host checks all of it (workers/agent/verify.py), so a file signed once cannot pass for another test, platform,
organisation or version.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from webapp.language import _

MAX_SIZE = 100 * 1024 * 1024
# Longer than an agent's queue of results may wait, shorter than anybody should trust an old copy.
LIFETIME = timedelta(days=7)
TYPE_OF_KIND = {"execute_test": "binary", "plugin": "plugin", "update_agent": "update"}
ANY = "any"
PLATFORMS = ("linux", "darwin", "windows", ANY)
ARCHES = ("amd64", "arm64", "386", "arm", ANY)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_VERSION = re.compile(r"\d+(\.\d+){0,3}")
_ELF_ARCHES = {0x3E: "amd64", 0xB7: "arm64", 0x03: "386", 0x28: "arm"}
_MACH_ARCHES = {0x01000007: "amd64", 0x0100000C: "arm64"}
_PE_ARCHES = {0x8664: "amd64", 0xAA64: "arm64", 0x014C: "386"}
# Linux reads no more of a script's first line (127 bytes before 5.1).
_FIRST_LINE = 127


class ManifestError(ValueError):
    """`field` names what was wrong, `text` says it to the person who uploaded the file."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field, self.text = field, text


@dataclass(frozen=True)
class Facts:
    """What a file says about itself."""

    platform: str
    arch: str
    size: int
    sha256: str


def inspect(path: Path, kind: str = "execute_test") -> Facts:
    """Only a test is a program of its own; plugins and updates are Python and run wherever the agent does."""
    size = path.stat().st_size
    if size == 0:
        raise ManifestError("file", _("The file is empty."))
    if size > MAX_SIZE:
        raise ManifestError(
            "file",
            _("The file has %(size)s bytes; %(max_size)s are allowed.", size=f"{size:,}", max_size=f"{MAX_SIZE:,}"),
        )
    with path.open("rb") as file:
        platform, arch = detect(file.read(4096)) if kind == "execute_test" else (ANY, ANY)
        file.seek(0)
        return Facts(platform, arch, size, hashlib.file_digest(file, "sha256").hexdigest())


def manifest(
    facts: Facts,
    *,
    kind: str,
    name: str,
    version: int,
    org: str,
    now: datetime,
    min_agent: str = "0.1.0",
    lifetime: timedelta = LIFETIME,
) -> dict[str, Any]:
    """The document to sign; the signing key adds its own name."""
    document = {
        "type": TYPE_OF_KIND.get(kind),
        "kind": kind,
        "name": name,
        "version": version,
        "org": org,
        "platform": facts.platform,
        "arch": facts.arch,
        "size": facts.size,
        "sha256": facts.sha256,
        "issued_at": instant(now),
        "expires_at": instant(now + lifetime),
        "min_agent": min_agent,
    }
    _check(document)
    return document


def detect(head: bytes) -> tuple[str, str]:
    """Platform and architecture by the first bytes of a program."""
    try:
        if head.startswith(b"#!"):
            return _script(head)
        if head.startswith(b"\x7fELF"):
            return _elf(head)
        if head.startswith(b"MZ"):
            return _pe(head)
        if head[:4] in (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"):
            return _mach_o(head)
    except struct.error:
        raise ManifestError("file", _("The file ends within its own header.")) from None
    raise ManifestError("file", _("The file is no program: neither ELF, Mach-O, PE nor a script that begins with #!."))


def canonical(document: Any) -> bytes:
    """The one spelling that is signed and hashed; the agent writes it alike."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def instant(moment: datetime) -> str:
    """Signed documents know whole seconds only."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check(document: dict[str, Any]) -> None:
    if document["type"] is None:
        raise ManifestError("kind", _("Nothing signed runs as %(document)s.", document=document["kind"]))
    if not _NAME.fullmatch(document["name"]):
        raise ManifestError(
            "name",
            _(
                "A name has 1 to 100 small letters, digits, dots, dashes or underscores and begins with a letter or digit."
            ),
        )
    if document["version"] < 1:
        raise ManifestError("version", _("Versions count from 1."))
    if not document["org"]:
        raise ManifestError("org", _("A manifest belongs to an organisation."))
    if not _VERSION.fullmatch(document["min_agent"]):
        raise ManifestError("min_agent", _("An agent version looks like 1.2.0."))
    for field, known in (("platform", PLATFORMS), ("arch", ARCHES)):
        if document[field] not in known:
            raise ManifestError(
                field, _("%(document)s is none of %(known)s.", document=document[field], known=", ".join(known))
            )


def _script(head: bytes) -> tuple[str, str]:
    line = head.split(b"\n", 1)[0]
    if line.endswith(b"\r"):
        raise ManifestError("file", _("The script has Windows line ends; no host would find its interpreter."))
    if len(line) > _FIRST_LINE:
        raise ManifestError(
            "file", _("The script's first line is longer than %(first_line)s bytes.", first_line=_FIRST_LINE)
        )
    if not line[2:].strip().startswith(b"/"):
        raise ManifestError(
            "file", _("The script's first line names no interpreter by its full path, such as #!/bin/sh.")
        )
    return ANY, ANY


def _elf(head: bytes) -> tuple[str, str]:
    order, system = struct.unpack_from("5xBxB", head)
    kind, machine = struct.unpack_from("<HH" if order == 1 else ">HH", head, 16)
    if system not in (0, 3):  # System V, Linux
        raise ManifestError("file", _("The program is for a system other than Linux."))
    if kind not in (2, 3):  # ET_EXEC, ET_DYN
        raise ManifestError("file", _("The file is a part of a program (an object or a core), not a program."))
    return "linux", _known(_ELF_ARCHES, machine)


def _pe(head: bytes) -> tuple[str, str]:
    (start,) = struct.unpack_from("<I", head, 0x3C)
    if head[start : start + 4] != b"PE\0\0":
        raise ManifestError("file", _("The file begins as a Windows program and does not go on as one."))
    (machine,) = struct.unpack_from("<H", head, start + 4)
    (traits,) = struct.unpack_from("<H", head, start + 22)
    if traits & 0x2000 or not traits & 0x0002:
        raise ManifestError("file", _("The file is a library (DLL) or an object, not a program."))
    return "windows", _known(_PE_ARCHES, machine)


def _mach_o(head: bytes) -> tuple[str, str]:
    if head.startswith(b"\xca\xfe\xba\xbe"):
        return "darwin", _universal(head)
    cpu, _subtype, kind = struct.unpack_from("<III", head, 4)
    if kind != 2:  # MH_EXECUTE
        raise ManifestError("file", _("The file is a library or an object, not a program."))
    return "darwin", _known(_MACH_ARCHES, cpu)


def _universal(head: bytes) -> str:
    """Universal programs hold one per processor. Java classes begin alike, with their version in the count's place."""
    (count,) = struct.unpack_from(">I", head, 4)
    if not 1 <= count <= 8:
        raise ManifestError("file", _("The file is no program."))
    arches = {_known(_MACH_ARCHES, struct.unpack_from(">I", head, 8 + 20 * n)[0]) for n in range(count)}
    return arches.pop() if len(arches) == 1 else ANY


def _known(arches: dict[int, str], number: int) -> str:
    if number not in arches:
        raise ManifestError(
            "arch", _("The program is for a processor (number %(number)s) that no agent runs on.", number=number)
        )
    return arches[number]
