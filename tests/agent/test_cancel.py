"""Stopping: the whole tree, at every moment, and one answer."""

import os
import signal

from tests.agent.conftest import until
from tests.agent.test_run import alive


def test_cancel_kills_children_in_other_sessions_and_confirms(server, agent, tmp_path):
    pids = [tmp_path / name for name in ("a", "b")]
    row = server.command(
        f"setsid sh -c 'echo $$ > {pids[0]}; exec sleep 600' & "
        f"(setsid sh -c 'trap \"\" TERM; echo $$ > {pids[1]}; while :; do sleep 1; done' &) & echo begin; sleep 600"
    )
    found = [int(until(lambda path=path: path.exists() and path.read_text())) for path in pids]
    server.cancel(row)
    server.wait_for(row, "terminated")
    assert (row.ended["escaped"], row.ended["started"]) == (0, True)
    assert [pid for pid in found if alive(pid)] == []


def test_output_until_the_end_is_kept(server, agent):
    row = server.command("trap 'echo last words; exit' TERM; echo begin; while :; do sleep 0.05; done")
    server.wait(lambda: row.logs["stdout"])
    server.cancel(row)
    server.wait_for(row, "terminated")
    assert row.logs["stdout"] == b"begin\nlast words\n"


def test_an_answer_to_a_log_request_can_carry_the_cancel(server, agent):
    server.interval_s = 3600
    row = server.command("while :; do echo more; sleep 0.05; done")
    server.wait(lambda: row.logs["stdout"])
    with server.changed:
        row.cancel = True
    server.wait_for(row, "terminated")


def test_a_task_cancelled_before_the_start_never_runs(server, agent, tmp_path):
    with server.failing("start", "hold") as fault:
        row = server.command(f"touch {tmp_path / 'ran'}")
        until(fault.reached.is_set)
        with server.changed:
            row.cancel = True
    server.wait_for(row, "cancelled")
    until(lambda: agent.folders() == [])
    assert not (tmp_path / "ran").exists()


def test_a_frozen_task_is_given_back(server, agent):
    row = server.command("echo thawed")
    row.frozen = True
    server.wait(lambda: row.history.count("pending") > 1)
    with server.changed:
        row.frozen = False
    server.wait_for(row, "completed")


def test_a_task_whose_lease_is_void_is_killed_without_a_word(server, agent):
    row = server.command("echo begin; sleep 600")
    server.wait(lambda: row.logs["stdout"])
    (folder,) = agent.folders()
    runner = agent.runner(folder)
    with server.changed:
        server.drop = [row.id]
    until(lambda: not alive(runner) and not folder.exists())
    assert row.result is row.ended is None


def test_a_stopped_process_is_killed_too(server, agent):
    row = server.command("echo begin; kill -STOP $$")
    server.wait(lambda: row.logs["stdout"])
    server.cancel(row)
    server.wait_for(row, "terminated")
    assert row.ended["escaped"] == 0


def test_a_runner_told_to_end_by_the_host_says_so(server, agent):
    row = server.command("echo begin; sleep 600")
    server.wait(lambda: row.logs["stdout"])
    os.kill(agent.runner(agent.folders()[0]), signal.SIGTERM)
    server.wait_for(row, "failed")
    assert (row.result["exit_code"], row.result["outcome_known"]) == (261, False)
