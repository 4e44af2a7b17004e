"""A plugin as one file that runs on a host with nothing but Python: what agents download.

python3 dns.pyz TASK_FOLDER < call.json
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from webapp.plugins import discovery

# All of it runs on Python 3.9 with the standard library alone.
MODULES = (
    "objects/values",
    "objects/types",
    "plugins/journal",
    "plugins/contract",
    "plugins/inputs",
    "plugins/parameters",
    "plugins/programs",
    "plugins/discovery",
    "plugins/execute",
    "plugins/connection",
)
PACKAGES = ("", "objects/", "plugins/", "plugins/builtin/")
MAIN = 'import sys\nfrom webapp.plugins.execute import main\nsys.exit(main("module:plugin"))\n'
ROOT = Path(__file__).parents[1]


def pack(plugin: discovery.Plugin) -> bytes:
    """The same bytes for the same code, so that a signature stays good. ValueError for a plugin
    that agents do not run, or that is no single Python file."""
    if "agent" not in plugin.manifest.runs_on:
        raise ValueError(f"{plugin.id} runs on workers only")
    files = {f"webapp/{package}__init__.py": "" for package in PACKAGES}
    files |= {f"webapp/{module}.py": (ROOT / f"{module}.py").read_text("utf-8") for module in MODULES}
    files |= {"plugin.py": _source(plugin), "__main__.py": MAIN}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(files):
            # The earliest date that a zip can hold, in place of today's.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return packed.getvalue()


def _source(plugin: discovery.Plugin) -> str:
    kind, _, where = plugin.location.partition(":")
    if kind == "builtin":
        return (ROOT / "plugins" / "builtin" / f"{where}.py").read_text("utf-8")
    if kind == "file":
        return Path(where).read_text("utf-8")
    raise ValueError(f"{plugin.id} is no single Python file")
