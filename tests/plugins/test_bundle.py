import json
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.plugins import bundle, discovery
from webapp.plugins.journal import read_events

CATALOGUE = discovery.discover()
ON_AGENTS = [plugin for plugin in CATALOGUE.plugins.values() if "agent" in plugin.manifest.runs_on]


def run_bundle(plugin: discovery.Plugin, tmp_path: Path, **call) -> list[dict]:
    """As a host does that has Python and nothing of ours: no site packages, no environment."""
    (tmp_path / "plugin.pyz").write_bytes(bundle.pack(plugin))
    command = [sys.executable, "-I", "-S", tmp_path / "plugin.pyz", tmp_path]
    subprocess.run(command, input=json.dumps(call).encode(), env={}, cwd=tmp_path, capture_output=True)
    return read_events(tmp_path)[0]


@pytest.mark.parametrize("plugin", ON_AGENTS, ids=lambda plugin: plugin.id)
def test_a_plugin_for_agents_needs_nothing_but_python(plugin, tmp_path):
    (tmp_path / "input").write_text("content")
    call = {
        "input_data": {"file": "1"} if plugin.manifest.takes_files else "127.0.0.1",
        "file": str(tmp_path / "input"),
    }
    last = run_bundle(plugin, tmp_path, **call)[-1]
    # Nobody may serve http here: then the plugin says so itself, which needs its imports too.
    assert last["kind"] == "result" or last["reason"] == "network_error"


def test_an_own_plugin_is_bundled(plugins, tmp_path):
    source = (
        "from webapp.plugins.contract import Manifest\nPLUGIN = Manifest('own', 'Own', 'Ours.', runs_on=('agent',))\n"
    )
    plugins("own.py", source + "def run(context): return 42\n")
    own = discovery.discover(tmp_path / "plugins").plugins["own"]
    assert run_bundle(own, tmp_path)[-1]["data"] == 42


def test_the_same_code_makes_the_same_bytes():
    demo = CATALOGUE.plugins["demo"]
    assert bundle.pack(demo) == bundle.pack(demo)


def test_a_plugin_for_workers_is_not_bundled():
    with pytest.raises(ValueError, match="workers only"):
        bundle.pack(CATALOGUE.plugins["dns_records"])
