"""The agent replaces itself while tasks run, and leaves a host when it is told to."""

import pytest

from tests.agent.conftest import Host, until
from tests.agent.test_payload import signed
from tests.agent.test_run import alive
from workers.agent import build
from workers.agent.loop import Agent
from workers.agent.state import WorkDir

PLACE = "/agent/v1/downloads/new"


@pytest.fixture
def own(tmp_path, server):
    """A host with a program of its own, that a test may replace."""
    program = tmp_path / "bin" / "muster-agent.pyz"
    program.parent.mkdir()
    build.build(str(program))
    made = Host(tmp_path / "work", server, program)
    made.enrol()
    yield made
    made.end()


def newer(version="9.9.9", break_it=False):
    """The program as the next release would be."""
    files = dict(build.sources())
    text = files["workers/agent/protocol.py"].decode()
    files["workers/agent/protocol.py"] = text.replace('VERSION = "0.1.0"', f'VERSION = "{version}"').encode()
    if break_it:
        files["workers/agent/loop.py"] = b"import no_such_module\n"
    return build.pack(files)


def update(server, content, **more):
    server.builds["new"] = content
    more.setdefault("manifest", signed(server, content, "update_agent", "muster-agent"))
    return server.add("update_agent", {}, download=PLACE, **more)


def test_the_program_is_replaced_while_a_task_runs(server, own, tmp_path):
    gate = tmp_path / "gate"
    own.start()
    task = server.command(f"echo before; until [ -e {gate} ]; do sleep 0.02; done; echo after")
    server.wait(lambda: task.logs["stdout"])
    row = update(server, newer())
    server.wait_for(row, "completed")
    assert server.beats[-1].version == "9.9.9"
    gate.touch()
    server.wait_for(task, "completed")
    assert task.logs["stdout"] == b"before\nafter\n"
    assert own.process.poll() is None
    after = server.command("echo new")
    server.wait_for(after, "completed")


def test_a_program_that_does_not_load_is_not_put_in_place(server, own):
    own.start()
    before = own.program.read_bytes()
    row = update(server, newer(break_it=True))
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "update_failed" and "no_such_module" in row.fail["error"]
    assert own.program.read_bytes() == before


def test_an_unsigned_program_is_not_put_in_place(server, own):
    own.start()
    before = own.program.read_bytes()
    row = update(server, newer(), manifest=None)
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "signature_invalid"
    assert own.program.read_bytes() == before


def test_the_server_can_ask_for_an_update_without_a_task(server, own):
    content = newer()
    server.builds["new"] = content
    own.start()
    server.wait(lambda: server.beats)
    manifest = signed(server, content, "update_agent", "muster-agent")
    server.commands.append({"kind": "update", "manifest": manifest, "download": PLACE})
    server.wait(lambda: server.beats[-1].version == "9.9.9")


def test_a_killed_update_is_reported_by_whoever_comes_back(server, own):
    own.start()
    with server.failing("start", "hold") as fault:
        row = update(server, newer())
        until(fault.reached.is_set)
        own.kill()
    server.wait_for(row, "executing")
    own.start()
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "update_failed"


def test_uninstalling_reports_first_and_then_leaves(server, own):
    own.start()
    row = server.add("uninstall", {"cleanup": True})
    server.wait_for(row, "completed")
    assert own.process.wait(60) == 0
    assert server.agents == {}
    assert not own.path.exists() and not own.program.exists()


def test_uninstalling_without_cleanup_leaves_the_files(server, own):
    own.start()
    row = server.add("uninstall", {})
    server.wait_for(row, "completed")
    assert own.process.wait(60) == 0
    assert own.program.exists() and (own.path / "agent.json").exists()


def test_a_key_that_the_farewell_made_void_is_no_revocation(server, agent):
    """A beat may be on its way while the agent leaves."""
    agent.kill()
    host = Agent(WorkDir(str(agent.path)), print)
    host._uninstalling = True
    with server.failing("heartbeat", status=401, code="revoked"):
        host.guarded(host.heart.round)
    assert host.exit_code == 0
    host.client.close()


def test_uninstalling_stops_what_runs(server, own):
    own.start()
    task = server.command("echo begin; sleep 600")
    server.wait(lambda: task.logs["stdout"])
    runner = own.runner(own.folders()[0])
    server.add("uninstall", {"cleanup": True})
    assert own.process.wait(60) == 0
    assert not alive(runner)
    assert task.result["exit_code"] == 261


def test_nothing_is_removed_before_the_report_has_arrived(server, own):
    own.start()
    with server.failing("result"):
        row = server.add("uninstall", {"cleanup": True})
        until(own.queue)
        server.wait_for_beats(2)
        assert own.program.exists() and own.process.poll() is None
    server.wait_for(row, "completed")
    assert own.process.wait(60) == 0
