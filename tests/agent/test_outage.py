"""The server is away, slow, forgetful or repeats itself: nothing is lost and nothing runs twice."""

import os
import stat

from tests.agent.conftest import until
from workers.agent import protocol


def once(tmp_path, name="ran"):
    """A command that leaves a line wherever it runs, and the lines."""
    ledger = tmp_path / name
    return f"echo ran >> {ledger}; echo done", lambda: ledger.read_text().splitlines()


def test_results_are_delivered_in_order_when_the_server_is_back(server, agent, tmp_path):
    gates = [tmp_path / str(n) for n in range(4)]
    rows = [server.command(f"until [ -e {gate} ]; do sleep 0.02; done; echo {gate}") for gate in gates]
    server.wait(lambda: all(row.state == "executing" for row in rows))
    with server.failing("*"):
        for n in (2, 0, 3, 1):
            gates[n].touch()
            until(lambda n=n: any(rows[n].id in name for name in agent.queue()))
        assert agent.queue() == sorted(agent.queue())
    server.wait(lambda: len(server.delivered) == 4)
    assert server.delivered == [rows[n].id for n in (2, 0, 3, 1)]
    assert {row.state for row in rows} == {"completed"}


def test_waiting_results_are_private_files_that_survive_a_kill(server, agent, tmp_path):
    gate = tmp_path / "gate"
    row = server.command(f"until [ -e {gate} ]; do sleep 0.02; done; echo kept")
    server.wait_for(row, "executing")
    with server.failing("*"):
        gate.touch()
        (name,) = until(agent.queue)
        assert stat.S_IMODE(os.stat(agent.path / "queue").st_mode) == 0o700
        assert stat.S_IMODE(os.stat(agent.path / "queue" / name).st_mode) == 0o600
        agent.kill()
    agent.start()
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"kept\n"
    until(lambda: agent.queue() == [])


def test_what_waits_is_handed_in_whole_after_the_work_dir_was_moved(server, agent, tmp_path):
    gate = tmp_path / "gate"
    row = server.command(f"until [ -e {gate} ]; do sleep 0.02; done; echo kept; echo file > $MUSTER_OUT/left")
    server.wait_for(row, "executing")
    with server.failing("*"):
        gate.touch()
        until(agent.queue)
        agent.kill()
    agent.path = agent.path.rename(tmp_path / "elsewhere")
    agent.start()
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"kept\n"
    assert [body for _, _, body in row.artifacts.values()] == [b"file\n"]


def test_no_work_is_taken_while_a_result_waits(server, agent):
    with server.failing("result"):
        first = server.command("true")
        until(agent.queue)
        server.wait_for_beats(1)  # a claim may have been on its way
        second = server.command("true")
        claims = len(server.asked("claim"))
        server.wait_for_beats(3)
        assert len(server.asked("claim")) == claims
        assert (first.state, second.state) == ("executing", "pending")
    server.wait_for(second, "completed")
    assert server.delivered == [first.id, second.id]


def test_at_a_hundred_results_nothing_more_is_taken(server, host):
    rows = [server.add(type="unknown") for _ in range(150)]
    with server.failing("fail"):
        host.start("--capacity", "1000")
        until(lambda: len(host.queue()) == protocol.MAX_HELD)
        server.wait_for_beats(3)
        assert len(host.queue()) == protocol.MAX_HELD
        assert [row.state for row in rows].count("pending") == 50
        waiting = [name[11:-5] for name in host.queue()]
    server.wait(lambda: len(server.delivered) == 150)
    assert server.delivered[:100] == waiting


def test_a_lost_answer_to_a_claim_loses_no_task(server, agent, tmp_path):
    server.wait(lambda: server.asked("claim"))
    command, lines = once(tmp_path)
    with server.failing("claim", "lose", times=2):
        row = server.command(command)
        server.wait_for(row, "completed")
    assert row.lease_seq == 1 and lines() == ["ran"]


def test_a_lost_answer_to_a_start_starts_it_once(server, agent, tmp_path):
    command, lines = once(tmp_path)
    with server.failing("start", "lose", times=2):
        row = server.command(command)
        server.wait_for(row, "completed")
    assert lines() == ["ran"]


def test_a_lost_answer_to_a_result_changes_nothing(server, agent):
    with server.failing("result", "lose", times=2):
        row = server.command("echo one")
        server.wait_for(row, "completed")
        until(lambda: agent.queue() == [])
    assert server.delivered == [row.id] and agent.rejected() == []


def test_lost_answers_to_log_requests_repeat_no_byte(server, agent):
    with server.failing("log", "lose", times=6):
        row = server.command("for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.1; done")
        server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"".join(b"line %d\n" % n for n in range(1, 9))


def test_every_request_sent_twice_is_harmless(server, agent, tmp_path):
    command, lines = once(tmp_path)
    with server.failing("*", "duplicate"):
        rows = [server.command(command) for _ in range(3)]
        for row in rows:
            server.wait_for(row, "completed")
    assert lines() == ["ran"] * 3
    server.objections.clear()  # the repeated heartbeats


def test_a_server_that_lost_output_gets_it_again(server, agent):
    row = server.command("echo first; sleep 0.5; echo second; sleep 0.5; echo third")
    server.wait(lambda: b"second" in row.logs["stdout"])
    with server.changed:
        del row.logs["stdout"][3:]
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"first\nsecond\nthird\n"


def test_output_missing_at_the_result_is_sent_again(server, agent):
    """The last chunk was taken and then lost; the result is refused with 412 and says what is missing."""
    with server.failing("result", "hold") as fault:
        row = server.command("echo complete")
        until(fault.reached.is_set)
        with server.changed:
            row.logs["stdout"].clear()
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"complete\n"


def test_a_result_that_the_server_will_never_take_is_kept_aside(server, agent):
    with server.failing("result", "hold") as fault:
        row = server.command("true")
        until(fault.reached.is_set)
        with server.changed:
            del server.tasks[row.id]
    names = until(lambda: len(agent.rejected()) == 2 and agent.rejected())
    assert row.id in names[0] and names[1] == names[0] + ".reason"
    assert "not_found" in (agent.path / "rejected" / names[1]).read_text()
    after = server.command("true")
    server.wait_for(after, "completed")


def test_a_result_for_a_void_lease_is_late_and_done_with(server, agent, tmp_path):
    gate = tmp_path / "gate"
    row = server.command(f"echo a; until [ -e {gate} ]; do sleep 0.02; done; echo b")
    server.wait(lambda: row.logs["stdout"])
    with server.changed:
        row.token = "somebody else's"
        row.state = "failed"
    gate.touch()
    server.wait(lambda: row.result is not None)
    assert row.late and row.result["exit_code"] == 0
    until(lambda: agent.queue() == [] and agent.folders() == [])


def test_a_page_of_some_proxy_is_no_answer(server, agent):
    """A captive portal says 403 or 404 to everything; only Muster's own refusals are final."""
    with server.failing("result", status=404) as fault:
        row = server.command("true")
        until(fault.reached.is_set)
        server.wait_for_beats(2)
        assert len(agent.queue()) == 1 and agent.rejected() == []
    server.wait_for(row, "completed")


def test_the_agent_waits_as_long_as_it_is_told(server, agent):
    with server.failing("claim", status=429, headers={"Retry-After": "3600"}, times=1) as fault:
        until(fault.reached.is_set)
    claims = len(server.asked("claim"))
    server.wait_for_beats(4)
    assert len(server.asked("claim")) == claims


def test_an_agent_may_be_started_before_its_server(server, host):
    with server.failing("*"):
        host.start()
        until(lambda: len(server.requests) > 2)
    row = server.command("true")
    server.wait_for(row, "completed")
