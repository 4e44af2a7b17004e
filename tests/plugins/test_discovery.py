import os
import subprocess
import sys

import pytest

from tests.plugins.conftest import ROOT
from webapp.plugins import discovery

OWN = """
from webapp.plugins.contract import Manifest
PLUGIN = Manifest("{id}", "Own", "One of ours.")
def run(context): return 1
"""
DEFAULT = """
from webapp.plugins.contract import Manifest, Parameter
PLUGIN = Manifest("default", "Own", "One of ours.", parameters=(Parameter("a", "integer", "x"),))
def run(context): return 1
"""
BROKEN = {
    "syntax.py": ("def run(:", "SyntaxError"),
    "empty.py": ("", "no PLUGIN"),
    "no_run.py": (OWN.format(id="no_run").replace("def run", "def ran"), "no function run"),
    "no_context.py": (OWN.format(id="no_context").replace("run(context)", "run()"), "one argument"),
    "exits.py": ("import sys; sys.exit(0)", "SystemExit"),
    "raises.py": ("raise RuntimeError('no luck')", "no luck"),
    "dies.py": ("import os; os._exit(3)", "ended with code 3"),
    "crashes.py": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with code -9"),
    "wrong.py": (OWN.format(id="No Id"), "check id"),
    "default.py": (DEFAULT, "The default of a: Enter a whole number"),
    "twice.py": (OWN.format(id="demo"), 'The id "demo" is that of builtin:demo'),
}  # fmt: skip


def test_shipped_plugins_are_found():
    catalogue = discovery.discover()
    shipped = {"demo", "dns_records", "file_hash", "http_headers", "reverse_dns", "tcp_ports", "tls_certificate"}
    assert shipped <= catalogue.plugins.keys() and catalogue.broken == []
    assert all(plugin.location == f"builtin:{plugin.id}" for plugin in catalogue.plugins.values())


def test_own_plugins_are_found_in_the_folder(plugins, tmp_path):
    location = plugins("own.py", OWN.format(id="own"))
    plugins("_helper.py", "raise RuntimeError")
    plugins("notes.txt", "no plugin")
    catalogue = discovery.discover(tmp_path / "plugins")
    assert catalogue.plugins["own"].location == location and catalogue.broken == []


def test_a_folder_that_does_not_exist_has_none(tmp_path):
    assert discovery.discover(tmp_path / "gone").broken == []


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> dict[str, discovery.Broken]:
    folder = tmp_path_factory.mktemp("plugins")
    for name, (source, _) in BROKEN.items():
        (folder / name).write_text(source)
    (folder / "own.py").write_text(OWN.format(id="own"))
    catalogue = discovery.discover(folder)
    assert "own" in catalogue.plugins and "demo" in catalogue.plugins
    return {each.location.rpartition("/")[2]: each for each in catalogue.broken}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_reported_and_hides_no_other(broken, name):
    assert BROKEN[name][1] in broken[name].error


def test_nothing_but_the_broken_files_is_reported(broken):
    assert broken.keys() == BROKEN.keys()


def test_a_file_that_hangs_is_given_up(plugins, tmp_path):
    plugins("hangs.py", "import time; time.sleep(600)")
    plugins("later.py", OWN.format(id="later"))
    catalogue = discovery.discover(tmp_path / "plugins", seconds=3)
    assert "later" in catalogue.plugins
    assert [each.error for each in catalogue.broken] == ["Reading this file took longer than 3 s"]


def test_what_a_file_prints_does_not_disturb(plugins, tmp_path):
    plugins("own.py", 'print("{}")\nimport os; os.write(1, b"x\\n")\n' + OWN.format(id="own"))
    assert "own" in discovery.discover(tmp_path / "plugins").plugins


def test_a_file_sees_nothing_of_the_servers_environment(plugins, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    plugins("own.py", "import os; raise RuntimeError(sorted(os.environ))")
    assert "SECRET_KEY" not in discovery.discover(tmp_path / "plugins").broken[0].error


def test_installed_packages_bring_plugins(tmp_path):
    """An entry point as an installed package has it."""
    (tmp_path / "installed.py").write_text(OWN.format(id="installed"))
    metadata = tmp_path / "installed-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: installed\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[muster.plugins]\ninstalled = installed\n")
    script = "from webapp.plugins import discovery as d; print(list(d.locations())[-1]); d.load('module:installed')"
    env = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    ended = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert ended.stdout == "module:installed\n"


def test_a_plugin_is_located_by_its_id(plugins, tmp_path):
    location = plugins("own.py", OWN.format(id="own"))
    assert discovery.locate("demo") == "builtin:demo"
    assert discovery.locate("own", tmp_path / "plugins") == location
    with pytest.raises(LookupError, match="no plugin none"):
        discovery.locate("none", tmp_path / "plugins")


def test_a_strange_location_is_refused():
    with pytest.raises(LookupError):
        discovery.load("ftp:somewhere")
