"""Pack the agent into one file that any Python 3.9 or newer runs. The same sources give the same bytes."""

import io
import os
import zipfile

_MAIN = b"import sys\n\nfrom workers.agent.main import main\n\nsys.exit(main())\n"
_MOMENT = (1980, 1, 1, 0, 0, 0)


def packed() -> bytes:
    here = os.path.dirname(os.path.abspath(__file__))
    files = {"__main__.py": _MAIN, "workers/__init__.py": b""}
    for place, folders, names in os.walk(here):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(place, name)
                with open(path, "rb") as source:
                    files["workers/agent/" + os.path.relpath(path, here).replace(os.sep, "/")] = source.read()
    return b"#!/usr/bin/env python3\n" + _zipped(files)


def build(target: str) -> None:
    beside = target + ".new"
    with open(beside, "wb") as file:
        file.write(packed())
    os.chmod(beside, 0o755)
    os.replace(beside, target)


def _zipped(files) -> bytes:
    """Stored, not compressed: what zlib makes differs from one version to the next."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            archive.writestr(entry, files[name])
    return buffer.getvalue()
