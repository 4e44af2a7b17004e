"""Signed programs on a real agent: what was signed runs, and nothing else."""

import hashlib
import io
import json
import zipfile

from tests.agent.answers import now
from tests.agent.conftest import until
from webapp.library import manifest as manifests
from webapp.plugins import bundle as server_bundle
from webapp.plugins.builtin import demo
from webapp.plugins.discovery import Plugin

SCRIPT = b'#!/bin/sh\necho "ran with $1"; exit 1\n'


def signed(server, content, kind="execute_test", name="check-it", **changes):
    keys = server.signing.bundle(now())["roots"][-1]["root"]["keys"]
    (key_id,) = [key_id for key_id, key in keys.items() if "manifest" in key["roles"] and key["status"] == "active"]
    document = {
        "type": manifests.TYPE_OF_KIND[kind], "kind": kind, "name": name, "version": 1, "org": "acme",
        "platform": "any", "arch": "any", "size": len(content), "sha256": hashlib.sha256(content).hexdigest(),
        "issued_at": "2020-01-01T00:00:00Z", "expires_at": "2090-01-01T00:00:00Z", "min_agent": "0.1.0",
        "key_id": key_id, **changes,
    }  # fmt: skip
    return server.signing.sign_manifest(document)


def check(server, content, *, arguments=(), **more):
    server.builds["b1"] = content
    data = {"test": "check-it", "arguments": list(arguments)}
    more.setdefault("manifest", signed(server, content))
    return server.add("execute_test", data, download="/agent/v1/downloads/b1", **more)


def test_a_signed_program_is_fetched_verified_and_run(server, agent):
    row = check(server, SCRIPT, arguments=["care; id"], success_exit_codes=[0, 1])
    server.wait_for(row, "failed")
    assert (row.result["exit_code"], row.logs["stdout"]) == (1, b"ran with care; id\n")
    assert row.history == ["pending", "assigned", "downloading", "executing", "failed"]


def test_a_changed_program_does_not_run(server, agent):
    row = check(server, SCRIPT)
    server.builds["b1"] = SCRIPT.replace(b"ran", b"RAN")
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "checksum_mismatch"


def test_a_download_that_does_not_end_is_cut_off(server, agent):
    row = check(server, SCRIPT)
    server.builds["b1"] = SCRIPT + bytes(10_000_000)
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "size_mismatch"


def test_a_program_without_a_manifest_does_not_run(server, agent):
    row = check(server, SCRIPT, manifest=None)
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "signature_invalid"


def test_a_program_for_another_test_does_not_run(server, agent):
    row = check(server, SCRIPT, manifest=signed(server, SCRIPT, name="another"))
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "policy_refused"


def test_a_program_that_is_not_on_the_server_failed_to_download(server, agent):
    row = check(server, SCRIPT)
    server.builds.clear()
    server.wait_for(row, "failed")
    assert row.fail["reason"] == "download_failed"


def test_a_broken_download_goes_on_where_it_broke(server, agent):
    content = SCRIPT + b"#" * 300_000
    with server.failing("downloads", "break", times=2):
        row = check(server, content)
        server.wait_for(row, "failed")
    assert row.logs["stdout"] == b"ran with \n"
    assert len(server.asked("downloads")) == 3


def test_a_program_may_run_as_another_user(server, host):
    host.policy(run_as=["nobody"]).start()
    row = check(server, b"#!/bin/sh\nid -un\n", run_as="nobody")
    server.wait_for(row, "completed", "failed")
    assert row.logs["stdout"] == b"nobody\n" or row.fail["reason"] == "run_as_failed"


def bundle(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__py", ".py"), text)
    return packed.getvalue()


def plugin(server, content=None, data=None, **more):
    data = {"plugin_id": "greeter", **(data or {})}
    if content is not None:
        server.builds["b2"] = content
        more.update(manifest=signed(server, content, "plugin", "greeter"), download="/agent/v1/downloads/b2")
    return server.add("plugin", data, **more)


GREETER = """
def run(who, *, loud=False):
    print("greeting", who)
    return {"said": who.upper() if loud else who}
"""


def test_a_plugin_of_the_host_is_called_with_its_arguments(server, host):
    (host.path / "plugins").mkdir()
    (host.path / "plugins" / "greeter.py").write_text(GREETER)
    host.start()
    row = plugin(server, data={"args": ["you"], "kwargs": {"loud": True}})
    server.wait_for(row, "completed")
    assert (row.result["result"], row.logs["stdout"]) == ({"said": "YOU"}, b"greeting you\n")


def test_a_bundle_brings_its_own_module(server, agent):
    row = plugin(server, bundle(greeter__py=GREETER), data={"input_data": "me"})
    server.wait_for(row, "completed")
    assert row.result["result"] == {"said": "me"}


def test_a_changed_bundle_does_not_run(server, agent):
    row = plugin(server, bundle(greeter__py=GREETER))
    server.builds["b2"] = bundle(greeter__py=GREETER.replace("who.upper()", "'changed'"))
    server.wait_for(row, "failed")
    assert row.fail["reason"] in ("checksum_mismatch", "size_mismatch")


def test_a_failing_plugin_says_where(server, agent):
    row = plugin(server, bundle(greeter__py="def run():\n    raise KeyError('nothing here')\n"))
    server.wait_for(row, "failed")
    assert (row.result["reason"], row.result["exit_code"]) == ("plugin_error", 1)
    assert "nothing here" in row.result["error"] and "greeter.py" in row.result["traceback"]


def test_a_missing_plugin_is_named(server, agent):
    row = plugin(server, data={"module": "no_such_module"})
    server.wait_for(row, "failed")
    assert "no_such_module" in row.result["error"]


def test_what_names_no_function_is_refused(server, agent):
    wrong = [{"module": "../x"}, {"action": "__import__"}, {"args": {"a": 1}}, {"kwargs": ["a"]}]
    rows = [plugin(server, data=data) for data in wrong]
    for row in rows:
        server.wait_for(row, "failed")
    assert {row.fail["reason"] for row in rows} == {"invalid_input"}


def test_what_a_plugin_returns_is_masked(server, agent):
    code = "import os\ndef run():\n    return [os.environ['KEY'], {'a': 'x' + os.environ['KEY']}]\n"
    row = plugin(server, bundle(greeter__py=code), secrets={"KEY": "hunter2-hunter2"})
    server.wait_for(row, "completed")
    assert row.result["result"] == ["***", {"a": "x***"}]


PROGRAM = """
import json, os, sys
call = json.load(sys.stdin)
folder = sys.argv[1]
open(os.path.join(folder, "out", "scan.xml"), "w").write("<x/>")
with open(os.path.join(folder, "events.jsonl"), "w") as journal:
    for event in (
        {"kind": "file", "name": "scan.xml", "type": "nmap"},
        {"kind": "result", "data": {"input": call["input_data"], "key": call["settings"]["key"] == "k" * 9,
                                    "pin": call["kwargs"]["pin"] == "4" * 9, "host": call["kwargs"]["host"]}},
        {"kind": "error", "reason": "network_error", "text": "no route", "traceback": "with " + call["kwargs"]["pin"]},
    ):
        journal.write(json.dumps(event) + "\\n")
sys.exit(2)
"""


def test_a_bundle_that_is_a_program_tells_through_its_journal(server, agent):
    row = plugin(server, bundle(__main____py=PROGRAM), data={"input_data": "a", "kwargs": {"host": "b"}},
                 secrets={"setting.key": "k" * 9, "parameter.pin": "4" * 9})  # fmt: skip
    server.wait_for(row, "failed")
    assert row.result["result"] == {"input": "a", "key": True, "pin": True, "host": "b"}
    assert [row.result[name] for name in ("exit_code", "reason", "error")] == [2, "network_error", "no route"]
    kinds = {name: type for name, type, _ in row.artifacts.values()}
    assert kinds == {"scan.xml": "nmap", "events.jsonl": "journal"}
    journal = next(body for name, _, body in row.artifacts.values() if name == "events.jsonl")
    assert json.loads(journal.splitlines()[0])["type"] == "nmap" and b"with ***" in journal
    until(lambda: agent.folders() == [])


def test_a_packed_plugin_has_its_secrets_and_does_not_tell_them(server, agent):
    content = server_bundle.pack(Plugin(demo.PLUGIN, "builtin:demo"))
    server.builds["b3"] = content
    data = {"plugin_id": "demo", "action": "log_showcase"}
    row = server.add("plugin", data, download="/agent/v1/downloads/b3", manifest=signed(server, content, "plugin", "demo"),
                     secrets={"setting.token": "quiet-riot-77"})  # fmt: skip
    server.wait_for(row, "completed")
    first, second = row.logs["stdout"].splitlines()[:2]
    assert first.endswith(b"masked where it is kept: ***") and second == b"::group::Part 1 of 20"
    assert b"quiet-riot-77" not in b"".join([*row.logs.values(), *(body for *_, body in row.artifacts.values())])


def test_a_plugin_packed_by_the_server_runs_as_it_is(server, agent):
    """Both sides of one format: the bundle's journal is what the server's own plugins write."""
    content = server_bundle.pack(Plugin(demo.PLUGIN, "builtin:demo"))
    server.builds["b3"] = content
    row = server.add("plugin", {"plugin_id": "demo", "input_data": {"any": "thing"}}, download="/agent/v1/downloads/b3",
                     manifest=signed(server, content, "plugin", "demo"))  # fmt: skip
    server.wait_for(row, "completed")
    journal = next(body for name, _, body in row.artifacts.values() if name == "events.jsonl")
    assert "result" in [json.loads(line)["kind"] for line in journal.splitlines()]
    assert row.result["result"] is not None
