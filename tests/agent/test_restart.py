"""The agent dies, its runners die, the host restarts: what is known is reported, once."""

import json
import os
import shutil
import signal

from tests.agent.conftest import until
from tests.agent.test_run import alive
from workers.agent import protocol
from workers.agent.attach import Runner
from workers.agent.folder import all_folders
from workers.agent.loop import Agent
from workers.agent.state import WorkDir
from workers.agent.work import Work

SLOW = "echo begin; until [ -e {gate} ]; do sleep 0.05; done; echo end"


def running(server, tmp_path):
    """A command that goes on until the file `gate` is there."""
    gate = tmp_path / "gate"
    row = server.command(SLOW.format(gate=gate))
    server.wait(lambda: b"begin" in row.logs["stdout"])
    return row, gate


def test_a_killed_agent_finds_its_task_again(server, agent, tmp_path):
    row, gate = running(server, tmp_path)
    agent.kill()
    assert agent.runner(agent.folders()[0])
    agent.start()
    gate.touch()
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"begin\nend\n"
    assert row.history.count("executing") == 1


def test_what_ends_while_the_agent_is_away_is_reported_at_its_return(server, agent, tmp_path):
    row, gate = running(server, tmp_path)
    agent.kill()
    folder = agent.folders()[0]
    gate.touch()
    until((folder / "exit.json").exists)
    agent.start()
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"begin\nend\n"


def test_a_task_is_cancelled_by_the_agent_that_found_it(server, agent, tmp_path):
    row, _ = running(server, tmp_path)
    agent.kill()
    agent.start()
    server.cancel(row)
    server.wait_for(row, "terminated")


def test_a_killed_runner_leaves_an_unknown_outcome_and_no_processes(server, agent, tmp_path):
    pid_file = tmp_path / "pid"
    row = server.command(f"setsid sh -c 'echo $$ > {pid_file}; exec sleep 600' & echo begin; sleep 600")
    server.wait(lambda: b"begin" in row.logs["stdout"])
    pid = int(until(lambda: pid_file.exists() and pid_file.read_text()))
    os.kill(agent.runner(agent.folders()[0]), signal.SIGKILL)
    server.wait_for(row, "failed")
    assert row.result["exit_code"] == protocol.OUTCOME_UNKNOWN
    assert (row.result["outcome_known"], row.result["reason"]) == (False, "agent_offline")
    assert row.logs["stdout"] == b"begin\n"
    assert not alive(pid)


def test_agent_and_runner_killed_together_leave_an_unknown_outcome(server, agent, tmp_path):
    row, _ = running(server, tmp_path)
    runner = agent.runner(agent.folders()[0])
    agent.kill()
    os.kill(runner, signal.SIGKILL)
    agent.start()
    server.wait_for(row, "failed")
    assert (row.result["exit_code"], row.result["outcome_known"]) == (protocol.OUTCOME_UNKNOWN, False)


def test_a_restart_of_the_host_leaves_an_unknown_outcome(server, agent, tmp_path):
    """The pid may be somebody else's by now: the boot id tells."""
    row, gate = running(server, tmp_path)
    folder = agent.folders()[0]
    runner = agent.runner(folder)
    agent.kill()
    for name, known in (("runner.json", lambda old: [*old[:2], "another-boot"]),
                        ("task.json", lambda old: {**old, "boot_id": "another-boot"})):  # fmt: skip
        (folder / name).write_text(json.dumps(known(json.loads((folder / name).read_text()))))
    agent.start()
    server.wait_for(row, "failed")
    assert row.result["exit_code"] == protocol.OUTCOME_UNKNOWN
    assert row.result["ended_ms"] is None
    gate.touch()  # here it is alive: it was only the boot that was said to be another
    until(lambda: not alive(runner))


def test_killed_before_the_permit_means_given_back_and_run_later(server, agent):
    with server.failing("start") as fault:
        row = server.command("echo once")
        until(fault.reached.is_set)
        agent.kill()
    (agent.folders()[0] / "permit").unlink()  # as if it had been killed a moment earlier
    agent.start()
    server.wait_for(row, "completed")
    assert row.lease_seq == 2


def test_killed_between_permit_and_start_is_reported_as_never_started(server, agent):
    with server.failing("start", "hold") as fault:
        row = server.command("echo once")
        until(fault.reached.is_set)
        agent.kill()
    server.wait_for(row, "executing")
    agent.start()
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "agent_offline"
    assert row.logs["stdout"] == b""


def test_a_stopped_agent_leaves_its_tasks_to_the_next_one(server, agent, tmp_path):
    row, gate = running(server, tmp_path)
    agent.kill()
    agent.start("--grace", "0")
    server.wait(lambda: len({beat.instance_id for beat in server.beats}) == 2)
    assert agent.stop() == 0
    agent.start()
    gate.touch()
    server.wait_for(row, "completed")


def test_a_stopping_agent_waits_for_what_ends_soon(server, agent, tmp_path):
    row, gate = running(server, tmp_path)
    agent.process.send_signal(signal.SIGTERM)
    gate.touch()
    server.wait_for(row, "completed")
    assert agent.process.wait(60) == 0


def test_an_agent_that_ends_for_good_takes_its_tasks_with_it(server, host, tmp_path):
    host.start("--kill")
    row, _ = running(server, tmp_path)
    assert host.stop() == 0
    assert row.state == "failed"
    assert (row.result["exit_code"], row.result["reason"]) == (protocol.OUTCOME_UNKNOWN, "agent_offline")


def test_two_agents_cannot_share_a_work_dir(server, agent):
    server.wait(lambda: server.beats)
    again = agent.call("run", "--work-dir", str(agent.path))
    assert again.returncode == 8
    assert "another agent runs" in again.stderr


def test_what_a_crash_left_half_made_is_cleared_away(server, host):
    host.start().kill()
    (host.path / "tasks").mkdir(exist_ok=True)
    half = host.path / "tasks" / ".new-x"
    half.mkdir()
    torn = host.path / "tasks" / "torn"
    torn.mkdir()
    (torn / "task.json").write_text("{")
    host.start()
    server.wait(lambda: server.beats)
    assert not half.exists() and not torn.exists()
    assert host.rejected() == ["torn.unreadable"]
    shutil.rmtree(host.path / "rejected")


def test_what_ended_by_itself_is_reported_though_it_was_dropped_before_anybody_looked(server, agent, tmp_path):
    """The first beat after a restart may hear that the lease is void before the end in the folder is read."""
    row, gate = running(server, tmp_path)
    agent.kill()
    gate.touch()
    until((agent.folders()[0] / "exit.json").exists)
    server.give_up(row)
    host = Agent(WorkDir(str(agent.path)), print)
    (folder,) = all_folders(host.work)
    work = Work(host, folder, lease_until=0.0)
    work.drop()
    work.start()
    work.join(60)
    host.client.close()
    assert [(entry.task_id, entry.body["exit_code"]) for entry in host.spool.entries()] == [(row.id, 0)]


def test_what_a_runner_left_dies_also_when_it_was_gone_before_it_was_given_up(server, agent):
    row = server.command("setsid sleep 600 & echo $!; sleep 600")
    server.wait(lambda: row.logs["stdout"].endswith(b"\n"))
    agent.kill()
    host = Agent(WorkDir(str(agent.path)), print)
    (folder,) = all_folders(host.work)
    work = Work(host, folder, lease_until=0.0)
    work.runner = Runner.find(folder)
    os.kill(agent.runner(agent.folders()[0]), signal.SIGKILL)
    until(lambda: not work.runner.alive)
    work._kill_runner(259, "timeout")
    host.client.close()
    assert not alive(int(row.logs["stdout"]))
