"""A command's way from claim to result, on a real agent."""

import hashlib
import struct

from tests.agent.conftest import until
from workers.agent import protocol

LINES = "i=0; while [ $i -lt 3000 ]; do echo line $i; echo note $i >&2; i=$((i+1)); done"


def test_a_command_runs_and_its_output_arrives_whole(server, agent):
    row = server.command("printf 'out\\000put'; printf oops >&2; exit 3")
    server.wait_for(row, "failed")
    assert bytes(row.logs["stdout"]) == b"out\0put"
    assert bytes(row.logs["stderr"]) == b"oops"
    assert row.result["exit_code"] == 3
    assert row.result["sha256"]["stdout"] == hashlib.sha256(b"out\0put").hexdigest()
    assert row.history == ["pending", "assigned", "executing", "failed"]


def test_long_output_is_the_same_byte_for_byte_with_an_index_that_fits(server, agent):
    row = server.command(f"{LINES}; head -c 600000 /dev/urandom")
    server.wait_for(row, "completed")
    assert row.logs["stderr"].splitlines() == [b"note %d" % n for n in range(3000)]
    assert row.logs["stdout"].startswith(b"".join(b"line %d\n" % n for n in range(3000)))
    assert len(row.logs["stdout"]) == sum(len(b"line %d\n" % n) for n in range(3000)) + 600_000
    covered = {1: 0, 2: 0}
    for _, stream, offset, length in struct.iter_unpack("<IBQI", bytes(row.logs["index"])):
        assert offset == covered[stream]
        covered[stream] += length
    assert covered == {1: len(row.logs["stdout"]), 2: len(row.logs["stderr"])}


def test_output_arrives_while_the_command_runs(server, agent):
    row = server.command("echo first; sleep 600")
    server.wait(lambda: b"first" in row.logs["stdout"])
    assert row.state == "executing"
    server.cancel(row)
    server.wait_for(row, "terminated")


def test_argv_reaches_the_program_intact(server, agent):
    row = server.add(data={"argv": ["printf", "%s|", "a b", "$HOME", "; id", "*"]})
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"a b|$HOME|; id|*|"


def test_environment_and_folder_are_the_given_ones(server, host, tmp_path):
    host.start(env={"PATH": "/usr/bin:/bin", "SECRET_OF_THE_AGENT": "1"})
    row = server.command("pwd; echo $GREETING; env | grep -c SECRET", env={"GREETING": "hello"}, cwd=str(tmp_path))
    server.wait_for(row, "failed")
    assert row.logs["stdout"].decode().split() == [str(tmp_path), "hello", "0"]


def test_options_may_stand_in_the_data(server, agent):
    row = server.add(data={"command": "pwd; echo $A", "cwd": "/", "env": {"A": "b"}})
    server.wait_for(row, "completed")
    assert row.logs["stdout"] == b"/\nb\n"


def test_a_signal_is_reported_as_such(server, agent):
    row = server.command("kill -9 $$")
    server.wait_for(row, "failed")
    assert (row.result["exit_code"], row.result["signal"], row.result["reason"]) == (137, 9, None)


def test_a_program_that_is_not_there_never_started(server, agent):
    row = server.add(data={"argv": ["/no/such/program"]})
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "spawn_failed"
    assert row.result is None


def test_a_timeout_kills_what_hides_in_another_session(server, agent, tmp_path):
    pid_file = tmp_path / "pid"
    row = server.command(f"setsid sh -c 'echo $$ > {pid_file}; exec sleep 600' & sleep 600", execution_timeout=1)
    server.wait_for(row, "failed")
    assert (row.result["exit_code"], row.result["reason"]) == (protocol.TIMED_OUT, "timeout")
    assert row.result["escaped"] == 0
    assert not alive(int(pid_file.read_text()))


def test_output_beyond_the_limit_is_counted_and_marked(server, agent):
    row = server.command("head -c 100000 /dev/zero", max_output=1000)
    server.wait_for(row, "completed")
    assert row.logs["stdout"].startswith(bytes(1000) + b"\n[output limit")
    assert row.result["dropped_bytes"] == 99_000


def test_files_left_in_out_become_artifacts(server, agent):
    row = server.command("cd $MUSTER_OUT; mkdir a; printf one > a/1.txt; printf two > 2.json; ln -s /etc/passwd link")
    server.wait_for(row, "completed")
    assert sorted(row.artifacts.values()) == [("2.json", "json", b"two"), ("a/1.txt", "txt", b"one")]
    assert "reporting" in row.history


def test_durations_are_reported_rather_than_times(server, agent):
    row = server.command("sleep 0.3")
    server.wait_for(row, "completed")
    assert 0 <= row.result["started_ms"] <= row.result["ended_ms"] - 300


def test_secrets_are_in_the_environment_and_not_in_the_output(server, agent):
    row = server.command("echo $KEY | base64; echo key=$KEY; printf %s $KEY | wc -c", secrets={"KEY": "correct-horse"})
    server.wait_for(row, "completed")
    assert b"key=***\n13\n" in row.logs["stdout"]
    assert b"horse" not in row.logs["stdout"] and b"Y29ycmVjdC1ob3" not in row.logs["stdout"]


def test_nor_are_they_in_the_files_that_it_leaves(server, agent):
    """Whatever wrote them and however often: also after somebody stopped it."""
    script = "cd $MUSTER_OUT; mkdir a; printf 'key: %s!' $KEY > a/told; echo free > b; chmod 400 a/told; ln -s /etc/hosts link"
    row = server.command(f"{script}; echo ready; sleep 600", secrets={"KEY": "correct-horse"})
    server.wait(lambda: row.logs["stdout"])
    server.cancel(row)
    server.wait_for(row, "terminated")
    assert {name: body for name, _, body in row.artifacts.values()} == {"a/told": b"key: ***!", "b": b"free\n"}


def test_secrets_are_never_on_the_disk(server, agent):
    row = server.command("echo ready; sleep 600", secrets={"KEY": "correct-horse-battery"})
    server.wait(lambda: row.logs["stdout"])
    files = [path for path in agent.path.rglob("*") if path.is_file()]
    assert not [path for path in files if b"correct-horse" in path.read_bytes()]
    server.cancel(row)
    server.wait_for(row, "terminated")


def test_nothing_of_a_finished_task_stays_behind(server, agent):
    row = server.command("echo done")
    server.wait_for(row, "completed")
    until(lambda: agent.folders() == [] and agent.queue() == [])


def test_a_task_that_nobody_signed_does_not_run(server, agent):
    row = server.add(data={"command": "true"}, sign=False)
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "signature_invalid"


def test_a_type_from_the_future_is_refused_by_name(server, agent):
    row = server.add(type="make_coffee")
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "policy_refused" and "make_coffee" in row.fail["error"]


def test_input_that_is_no_command_is_refused(server, agent):
    row = server.add(data={"argv": "rm -rf"})
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "invalid_input"


def test_as_many_run_at_once_as_there_is_capacity(server, host):
    host.start("--capacity", "2")
    rows = [server.command("sleep 600") for _ in range(3)]
    server.wait(lambda: [row.state for row in rows] == ["executing", "executing", "pending"])
    for row in rows[:2]:
        server.cancel(row)
    server.wait_for(rows[2], "executing")
    server.cancel(rows[2])
    server.wait_for(rows[2], "terminated")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second when it ends between the two
        return False


def test_files_too_large_for_the_server_are_named(server, agent):
    row = server.command("cd $MUSTER_OUT; printf x > small; truncate -s 101M large")
    server.wait_for(row, "completed")
    assert [name for name, _, _ in row.artifacts.values()] == ["small"]
    assert "large (105906176 bytes)" in row.result["error"]


def test_names_that_are_no_text_do_not_hold_up_the_result(server, agent):
    row = server.command("cd $MUSTER_OUT; printf x > \"$(printf 'a\\377b')\"")
    server.wait_for(row, "completed")
    assert [body for _, _, body in row.artifacts.values()] == [b"x"]
