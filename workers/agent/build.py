"""Pack the agent into one file that any Python 3.9 or newer runs. The same sources give the same bytes."""

import io
import os
import zipfile

_MAIN = b"import sys\n\nfrom workers.agent.main import main\n\nsys.exit(main())\n"
_MOMENT = (1980, 1, 1, 0, 0, 0)


def build(target: str) -> None:
    """Write the program; whoever reads it meanwhile gets the old one or the new one."""
    with open(target + ".new", "wb") as file:
        file.write(packed())
    os.chmod(target + ".new", 0o755)
    os.replace(target + ".new", target)


def packed() -> bytes:
    return pack(sources())


def sources() -> dict[str, bytes]:
    here = os.path.dirname(os.path.abspath(__file__))
    files = {"__main__.py": _MAIN, "workers/__init__.py": b""}
    for place, _, names in os.walk(here):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(place, name)
                with open(path, "rb") as source:
                    files["workers/agent/" + os.path.relpath(path, here).replace(os.sep, "/")] = source.read()
    return files


def pack(files: dict[str, bytes]) -> bytes:
    """Stored, not compressed: what zlib makes differs from one version to the next."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            archive.writestr(entry, files[name])
    return b"#!/usr/bin/env python3\n" + buffer.getvalue()
