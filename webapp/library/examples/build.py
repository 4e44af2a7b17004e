"""The example tests: shell scripts, so that they are built without a compiler and anybody can read what would run."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from webapp.library.manifest import inspect, manifest
from webapp.library.signing import Signing

SOURCES = Path(__file__).parent


@dataclass(frozen=True)
class Example:
    slug: str
    name: str
    description: str
    technique: str
    platforms: list[str]
    requires: list[str]
    version: int
    source: Path


@dataclass(frozen=True)
class BuiltExample:
    example: Example
    file: Path
    signed: dict[str, Any]


def examples() -> list[Example]:
    described = sorted(SOURCES.glob("*.json"))
    return [
        Example(slug=path.stem, source=path.with_suffix(".sh"), **json.loads(path.read_text())) for path in described
    ]


def build_examples(signing: Signing, out: Path, *, org: str, now: datetime) -> list[BuiltExample]:
    """Puts each program into `out` with its signed manifest beside it. The same sources give the same bytes."""
    out.mkdir(parents=True, exist_ok=True)
    return [_build(example, signing, out, org, now) for example in examples()]


def _build(example: Example, signing: Signing, out: Path, org: str, now: datetime) -> BuiltExample:
    file = out / example.slug
    shutil.copyfile(example.source, file)
    file.chmod(0o755)
    facts = inspect(file)
    signed = signing.sign_manifest(
        manifest(facts, kind="execute_test", name=example.slug, version=example.version, org=org, now=now)
    )
    file.with_suffix(".manifest.json").write_text(json.dumps(signed, indent=1))
    return BuiltExample(example, file, signed)
