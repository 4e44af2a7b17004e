"""The packed program: one file, the same bytes every time, nothing but the standard library."""

import ast
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import workers.agent
from tests.agent.conftest import PYTHON
from workers.agent import build, service

SOURCES = sorted(Path(workers.agent.__file__).parent.rglob("*.py"))
OPTIONAL = {"cryptography"}  # used where the host has it


def test_the_same_sources_give_the_same_bytes():
    assert build.packed() == build.packed()


def test_it_runs_isolated_and_tells_its_version(host):
    assert host.call("version").stdout == "0.1.0\n"


def test_it_has_every_module_and_runs_where_no_one_may_write(host, tmp_path):
    import zipfile

    with zipfile.ZipFile(host.program) as archive:
        packed = {name for name in archive.namelist() if name.startswith("workers/agent/")}
    here = Path(workers.agent.__file__).parents[2]
    assert packed == {str(path.relative_to(here)) for path in SOURCES}


def test_every_module_is_python_3_9():
    for path in SOURCES:
        ast.parse(path.read_text("utf-8"), str(path), feature_version=(3, 9))


def test_only_the_standard_library_is_imported():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names | OPTIONAL or name.startswith("workers.agent"), (path, name)


def test_usage_errors_are_told_apart(host):
    assert host.call("no-such-command").returncode == 2
    assert host.call("enrol").returncode == 2


def test_the_unit_stops_the_agent_and_not_its_tasks(host):
    unit = host.call("install", "--print", "--work-dir", str(host.path)).stdout
    assert "KillMode=process" in unit and "Restart=always" in unit
    assert f"{PYTHON} -I {host.program} run --work-dir {host.path}\n" in unit
    assert "RestartPreventExitStatus=4 9" in unit


def test_paths_with_blanks_and_percent_signs_are_quoted():
    unit = service.systemd_unit(["/opt/my agent/100%/a.pyz"])
    assert 'ExecStart="/opt/my agent/100%%/a.pyz"\n' in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this host has no systemd to ask")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    unit = tmp_path / "muster-agent.service"
    command = [PYTHON, "-I", '/opt/my "agent"/100% $HOME.pyz', "run", "--work-dir", "/var/lib/my agent"]
    unit.write_text(service.systemd_unit(command))
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert unit.name not in said.stderr  # of other units of this host there may be much to say


def test_launchd_reads_the_job_as_it_is_meant():
    command = ["/usr/bin/python3", "-I", "/opt/<a> & b.pyz", "run", "--work-dir", '/opt/"a" b']
    job = plistlib.loads(service.launchd_job(command, "/opt/a & b.log").encode())
    assert job == {
        "Label": "muster.agent", "ProgramArguments": command, "RunAtLoad": True, "KeepAlive": {"SuccessfulExit": False},
        "AbandonProcessGroup": True, "StandardErrorPath": "/opt/a & b.log",
    }  # fmt: skip
