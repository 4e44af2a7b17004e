"""Enrolment, the credential's life, and what else the server may decide about an agent."""

import json
import os
import stat

from tests.agent.answers import now
from tests.agent.conftest import Host, until
from tests.agent.test_run import alive
from webapp.library.signing import Signing
from workers.agent import protocol


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_enrolment_keeps_what_is_private_private(host):
    assert mode(host.path) == 0o700
    for name in ("agent.json", "trust.json", "install_id"):
        assert mode(host.path / name) == 0o600


def test_a_refused_token_enrols_nobody(server, tmp_path, program):
    host = Host(tmp_path / "other", server, program)
    refused = host.enrol(token="enr_bad")
    assert refused.returncode == 4 and "token_refused" in refused.stderr
    assert not (host.path / "agent.json").exists()
    assert host.call("run", "--work-dir", str(host.path)).returncode == 3


def test_the_token_may_come_from_a_file(server, tmp_path, program):
    (tmp_path / "token").write_text("enr_good\n")
    host = Host(tmp_path / "other", server, program)
    assert host.enrol("--token-file", str(tmp_path / "token"), token="").returncode == 0


def test_enrolling_again_is_the_same_agent(server, host):
    before = json.loads((host.path / "agent.json").read_text())
    host.enrol()
    after = json.loads((host.path / "agent.json").read_text())
    assert before["agent_id"] == after["agent_id"] and before["credential"] != after["credential"]


def test_a_server_that_is_not_there_is_told_apart(server, tmp_path, program):
    host = Host(tmp_path / "other", server, program)
    assert host.call("enrol", "--server", "http://127.0.0.1:9", "--work-dir", str(host.path), input="x").returncode == 5


def test_plain_http_is_for_this_host_only(server, tmp_path, program):
    host = Host(tmp_path / "other", server, program)
    refused = host.call("enrol", "--server", "http://192.0.2.1", "--work-dir", str(host.path), input="x")
    assert refused.returncode == 2 and "https" in refused.stderr


def test_a_revoked_agent_stops_its_tasks_and_keeps_its_results(server, agent):
    row = server.command("echo begin; sleep 600")
    server.wait(lambda: row.logs["stdout"])
    runner = agent.runner(agent.folders()[0])
    server.revoked = True
    assert agent.process.wait(60) == 4
    assert not alive(runner)
    assert len(agent.queue()) == 1


def test_a_copy_of_an_agent_stops(server, agent):
    server.wait(lambda: server.beats)
    server.conflict = True
    assert agent.process.wait(60) == 9


def test_a_new_credential_is_stored_and_used(server, agent):
    server.wait(lambda: server.beats)
    before = json.loads((agent.path / "agent.json").read_text())["credential"]
    server.commands.append({"kind": "rotate"})
    until(lambda: json.loads((agent.path / "agent.json").read_text())["credential"] != before)
    row = server.command("true")
    server.wait_for(row, "completed")
    (good,) = server.agents.values()
    assert before not in good
    agent.kill()
    agent.start()
    after = server.command("true")
    server.wait_for(after, "completed")


def test_a_credential_is_renewed_while_output_flows(server, agent):
    row = server.command("for n in 1 2 3 4 5 6; do echo $n; sleep 0.1; done")
    server.wait(lambda: row.logs["stdout"])
    for _ in range(3):
        server.commands.append({"kind": "rotate"})
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"1\n2\n3\n4\n5\n6\n"


def test_news_about_signing_keys_are_checked_and_kept(server, agent):
    server.wait(lambda: server.beats)
    server.signing.rotate(now())
    server.commands.append({"kind": "root", "root": server.signing.news(1, 0, now())})
    server.wait(lambda: server.beats[-1].trust["root"] == 2)
    row = server.command("echo signed by the new key")
    server.wait_for(row, "completed")


def test_keys_that_nobody_vouches_for_are_refused(server, agent, tmp_path):
    server.wait(lambda: server.beats)
    stranger = Signing(tmp_path / "stranger.key")
    stranger.bundle(now())
    stranger.rotate(now())
    server.commands.append({"kind": "root", "root": stranger.news(1, 0, now())})
    server.wait(lambda: any(event.kind == "root_failed" for beat in server.beats for event in beat.events))
    assert server.beats[-1].trust["root"] == 1


def test_a_paused_agent_takes_nothing(server, agent):
    server.commands.append({"kind": "pause"})
    server.wait(lambda: not server.commands)
    server.wait_for_beats(1)
    row = server.command("true")
    server.wait_for_beats(3)
    assert row.state == "pending"
    server.commands.append({"kind": "resume"})
    server.wait_for(row, "completed")


def test_an_old_agent_hands_in_what_it_has_and_takes_nothing_new(server, agent):
    row = server.command("echo begin; sleep 600")
    server.wait(lambda: row.logs["stdout"])
    with server.failing("claim", status=426, code="upgrade") as fault:
        until(fault.reached.is_set)
        server.cancel(row)
        server.wait_for(row, "terminated")
        server.wait(lambda: any(event.kind == "upgrade_needed" for beat in server.beats for event in beat.events))


def test_an_unknown_command_is_reported_and_not_obeyed(server, agent):
    server.wait(lambda: server.beats)
    server.commands.append({"kind": "self_destruct"})
    server.wait(lambda: any(event.text == "self_destruct" for beat in server.beats for event in beat.events))
    assert agent.process.poll() is None


def test_the_server_can_lower_the_capacity(server, agent):
    server.settings = protocol.Settings(capacity=1)
    server.wait(lambda: server.beats and server.beats[-1].capacity == 1)


def test_heartbeats_tell_what_runs_here(server, agent):
    row = server.command("echo abc; sleep 600")
    server.wait(lambda: server.beats and any(task.log_offset["stdout"] == 4 for task in server.beats[-1].running))
    (task,) = server.beats[-1].running
    assert (task.task_id, task.lease_seq, task.token, task.state) == (row.id, 1, row.token, "executing")
    assert task.elapsed_ms > 0 and server.beats[-1].free_disk > 0
    server.cancel(row)
    server.wait_for(row, "terminated")


def test_status_and_queue_tell_a_person(server, agent):
    server.wait(lambda: len(server.beats) > 1)
    with server.failing("result"):
        row = server.command("exit 7")
        until(agent.queue)
        queue = agent.call("queue", "--work-dir", str(agent.path))
        assert row.id in queue.stdout and "exit code 7" in queue.stdout
        known = json.loads(agent.call("status", "--json", "--work-dir", str(agent.path)).stdout)
        assert known["pid"] == agent.process.pid and known["queue"] == 1
        assert known["server"] == server.url
        assert "credential" not in known


def test_unenrolling_ends_the_credential(server, host):
    assert host.call("unenrol", "--work-dir", str(host.path)).returncode == 0
    assert server.agents == {}
    assert host.call("run", "--work-dir", str(host.path)).returncode == 3
