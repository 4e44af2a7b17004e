"""The host's own rules win over the server's wishes."""

import os
import pwd

import pytest

from workers.agent import policy
from workers.agent.protocol import ClaimedTask, TaskOptions
from workers.agent.signed import Refused

ROOT = os.geteuid() == 0


def task(type="execute_command", **options):
    return ClaimedTask("0" * 8, 1, "t", type, {}, TaskOptions(**options), "acme")


def test_without_a_policy_every_type_runs_as_the_agents_own_user(tmp_path):
    rules = policy.load(str(tmp_path / "policy.json"))
    rules.require(task())
    rules.require(task(run_as=policy.own_user()))
    with pytest.raises(Refused) as refused:
        rules.require(task(run_as="somebody"))
    assert refused.value.code == "policy_refused"


@pytest.mark.parametrize("text", ["{", '{"run_as": "root"}', '{"unknown": 1}', '{"signed_only": 1}'])
def test_a_policy_that_cannot_be_read_stops_the_agent(tmp_path, text):
    (tmp_path / "policy.json").write_text(text)
    with pytest.raises(policy.BadPolicy):
        policy.load(str(tmp_path / "policy.json"))


def test_a_policy_that_others_can_change_stops_the_agent(tmp_path):
    (tmp_path / "policy.json").write_text("{}")
    (tmp_path / "policy.json").chmod(0o666)
    with pytest.raises(policy.BadPolicy):
        policy.load(str(tmp_path / "policy.json"))


def test_types_can_be_forbidden():
    rules = policy.Policy(types=frozenset({"execute_test"}))
    assert rules.capabilities() == ["execute_test"]
    with pytest.raises(Refused):
        rules.require(task())


def test_signed_payloads_only_means_no_commands():
    with pytest.raises(Refused):
        policy.Policy(signed_only=True).require(task())


def test_a_user_that_is_not_listed_is_refused_on_the_host(server, agent):
    row = server.command("id", run_as="daemon")
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "policy_refused" and "daemon" in row.fail["error"]


def test_the_user_may_stand_in_the_data_and_is_refused_there_too(server, agent):
    row = server.add(data={"command": "id", "run_as": "daemon"})
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "policy_refused"


def test_a_user_that_does_not_exist_fails_by_name(server, host):
    host.policy(run_as=["nobody-by-this-name"]).start()
    row = server.command("id", run_as="nobody-by-this-name")
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "run_as_failed"


def test_a_listed_user_runs_it_and_leaves_its_artifacts(server, host):
    host.policy(run_as=["nobody"]).start()
    leave = "echo mine > $MUSTER_OUT/file; ln -s /etc/shadow $MUSTER_OUT/link; ln /etc/passwd $MUSTER_OUT/hard || true"
    row = server.command(f"id -un; echo $HOME; {leave}", run_as="nobody")
    server.wait_for(row, "completed", "failed")
    if not ROOT:
        assert row.fail["reason"] == "run_as_failed"
        return
    home = pwd.getpwnam("nobody").pw_dir
    assert row.logs["stdout"].decode().splitlines()[0] == "nobody" and home.encode() in row.logs["stdout"]
    assert list(row.artifacts.values()) == [("file", "", b"mine\n")]


def test_a_bad_policy_is_named_at_the_start(server, host):
    (host.path / "policy.json").write_text("{")
    refused = host.call("run", "--work-dir", str(host.path))
    assert refused.returncode == 2 and "policy.json" in refused.stderr


def test_the_policy_bounds_the_capacity(server, host):
    host.policy(capacity=1).start()
    server.wait(lambda: server.beats and server.beats[-1].capacity == 1)
