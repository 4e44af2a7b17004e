"""Size and hashes of a file, so that it can be compared with what others published."""

from __future__ import annotations

import hashlib

from webapp.plugins.contract import Context, Manifest, Parameter

ALGORITHMS = ("md5", "sha1", "sha256", "sha512")

PLUGIN = Manifest(
    id="file_hash",
    name="File hashes",
    description="Size, MD5, SHA-1, SHA-256 and SHA-512 of a file.",
    consumes=("file",),
    produces=("file:hashes",),
    runs_on=("worker", "agent"),
    parameters=(
        Parameter(
            "expected",
            help="A hash that the file must have; the task fails when it has another.",
            pattern="[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}",
            example="d41d8cd98f00b204e9800998ecf8427e",
        ),
    ),
)


def run(context: Context) -> dict[str, object]:
    if not context.file:
        context.fail("Choose a file", "invalid_input")
    hashes, size = {name: hashlib.new(name, usedforsecurity=False) for name in ALGORITHMS}, 0
    total = context.file.stat().st_size
    with context.file.open("rb") as file:
        while chunk := file.read(2**20):
            for digest in hashes.values():
                digest.update(chunk)
            size += len(chunk)
            context.progress(size / max(size, total), "Reading")
    result: dict[str, object] = {"size": size, **{name: digest.hexdigest() for name, digest in hashes.items()}}
    for name, value in result.items():
        print(f"{name:<7}{value}")
    context.save("hashes.json", result, "hashes")
    expected = (context.parameters["expected"] or "").lower()
    if expected and expected not in result.values():
        context.fail(f"The file does not have the hash {expected}", "exit_code")
    return result
