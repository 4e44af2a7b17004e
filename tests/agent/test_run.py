"""A command's way from claim to result, on a real agent."""

import hashlib


def test_a_command_runs_and_its_output_arrives_whole(server, agent):
    row = server.command("printf 'out\\000put'; printf oops >&2; exit 3")
    server.wait_for(row, "failed")
    assert bytes(row.logs["stdout"]) == b"out\0put"
    assert bytes(row.logs["stderr"]) == b"oops"
    assert row.result["exit_code"] == 3
    assert row.result["sha256"]["stdout"] == hashlib.sha256(b"out\0put").hexdigest()
    assert row.history == ["pending", "assigned", "executing", "failed"]
