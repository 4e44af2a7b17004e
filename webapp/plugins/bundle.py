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
    "webapp/objects/values",
    "webapp/objects/types",
    "webapp/plugins/journal",
    "webapp/plugins/contract",
    "webapp/plugins/inputs",
    "webapp/plugins/parameters",
    "webapp/plugins/programs",
    "webapp/plugins/discovery",
    "webapp/plugins/execute",
    "webapp/plugins/connection",
    "workers/agent/mask",
)
PACKAGES = ("webapp/", "webapp/objects/", "webapp/plugins/", "webapp/plugins/builtin/", "workers/", "workers/agent/")
MAIN = 'import sys\nfrom webapp.plugins.execute import main\nsys.exit(main("module:plugin"))\n'
ROOT = Path(__file__).parents[2]


def pack(plugin: discovery.Plugin) -> bytes:
    """The same bytes for the same code, so that a signature stays good. ValueError for a plugin
    that agents do not run, or that is no single Python file."""
    if "agent" not in plugin.manifest.runs_on:
        raise ValueError(f"{plugin.id} runs on workers only")
    files = {f"{package}__init__.py": "" for package in PACKAGES}
    files |= {f"{module}.py": (ROOT / f"{module}.py").read_text("utf-8") for module in MODULES}
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
        return (ROOT / "webapp" / "plugins" / "builtin" / f"{where}.py").read_text("utf-8")
    if kind == "file":
        return Path(where).read_text("utf-8")
    raise ValueError(f"{plugin.id} is no single Python file")
