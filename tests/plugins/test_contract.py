"""What a manifest may say, and what a context does; the process around them is in test_execute.py."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.objects.values import FieldErrors
from webapp.plugins.contract import Context, Failed, Manifest, Parameter, overriding
from webapp.plugins.journal import Journal, read_events

MANIFEST = Manifest(
    "probe", "Probe", "Looks at something.", consumes=["hostname"], settings=(Parameter("depth", "integer", 3),)
)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    call = {"inputs": ["example.com"], "network": "office", "parameters": {"depth": None}, "settings": {"depth": 3}}
    with Journal(tmp_path) as journal:
        yield Context(MANIFEST, call, tmp_path, journal)


def events(context: Context, kind: str) -> list[dict]:
    return [event for event in read_events(context.task_dir, limit=10_000)[0] if event["kind"] == kind]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "No Spaces"},
        {"name": ""},
        {"consumes": ("hostnames",)},
        {"consumes": ("file:",)},
        {"produces": ("nothing",)},
        {"actions": ()},
        {"actions": ("not a name",)},
        {"runs_on": ("moon",)},
        {"timeout": 0},
        {"parameters": (Parameter("a"), Parameter("a"))},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="manifest: check"):
        Manifest(**{"id": "a", "name": "A", "description": "It does a.", **wrong})


@pytest.mark.parametrize(
    "wrong", [{"name": "Two words"}, {"type": "float"}, {"type": "choice"}, {"choices": ("a",)}, {"pattern": "("}]
)
def test_a_parameter_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):
        Parameter(**{"name": "a", **wrong})


def test_a_manifest_survives_json():
    wide = Manifest("a", "A", "It.", parameters=(Parameter("mode", "choice", "x", choices=("x", "y")),), memory_mb=64)
    assert Manifest.from_json(json.loads(json.dumps(wide.to_json()))) == wide


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"id": "a", "nme": "A"}, "Did you mean name"),
        ({"id": "a"}, "missing"),
        ({"id": 5, "name": "A", "description": "It."}, "manifest"),
        ({"id": "a", "name": "A", "description": "It.", "parameters": [{"help": "x"}]}, "missing"),
        ([], "Enter an object"),
    ],
)
def test_json_that_is_no_manifest_is_refused(data, says):
    with pytest.raises(ValueError, match=says):
        Manifest.from_json(data)


def test_files_feed_only_who_names_their_type():
    any_file, exact = Manifest("a", "A", "It.", consumes=("file",)), Manifest("b", "B", "It.", consumes=("file:nmap",))
    assert any_file.offered_for("nmap") and not any_file.fed_with("nmap")
    assert exact.fed_with("nmap") and exact.offered_for("nmap") and not exact.offered_for("pem")


def test_a_parameter_overrides_the_setting_of_its_name(context):
    assert context.option("depth") == 3
    context.parameters["depth"] = 0
    assert context.option("depth") == 0
    assert overriding(MANIFEST.settings)[0].default is None


def test_an_object_takes_the_network_of_the_input(context):
    assert context.emit("hostname", name="WWW.Example.com") == "office|www.example.com"
    assert events(context, "object")[0]["fields"] == {"network": "office", "name": "www.example.com"}


def test_the_same_object_is_told_once_and_a_changed_one_again(context):
    for banner in ("a", "a", "b"):
        context.emit("ipport", address="192.0.2.1", port=22, banner=banner)
    assert [event["fields"]["banner"] for event in events(context, "object")] == ["a", "b"]


def test_a_wrong_object_is_refused_where_it_is_made(context):
    with pytest.raises(FieldErrors, match="address: Enter an IP address"):
        context.emit("ipaddress", address="nowhere")
    assert events(context, "object") == []


def test_a_file_is_kept_with_size_type_and_hash(context):
    context.save("answer.json", {"a": "ü"}, "probe")
    kept = events(context, "file")[0]
    content = (context.out / "answer.json").read_bytes()
    assert kept["name"] == "answer.json" and kept["type"] == "probe" and kept["size"] == len(content)
    assert kept["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", ".hidden", "a\0b", "", "..", "tab\tname", "x" * 400])
def test_no_name_leads_out_of_the_folder(context, name):
    path = context.save(name, b"content")
    assert path.parent == context.out and path.read_bytes() == b"content"


def test_a_second_file_of_a_name_gets_a_number(context):
    assert [context.save("a.txt", text).name for text in "xyz"] == ["a.txt", "a-2.txt", "a-3.txt"]


def test_a_file_that_a_tool_wrote_is_kept(context):
    (context.out / "scan.XML").write_text("<x/>")
    context.keep("scan.XML")
    assert events(context, "file")[0]["type"] == "xml"


@pytest.mark.parametrize("name", ["missing", "../events.jsonl", "link"])
def test_nothing_else_is_kept_as_a_file(context, name):
    (context.out / "link").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="There is no file"):
        context.keep(name)


def test_progress_is_kept_between_0_and_1(context):
    context.progress(-3, "a")
    context.progress(7, "b")
    assert [event["fraction"] for event in events(context, "progress")] == [0.0, 1.0]


def test_much_progress_makes_few_lines_and_ends_at_1(context):
    for step in range(50_001):
        context.progress(step / 50_000, f"step {step}")
    told = events(context, "progress")
    assert len(told) < 2000 and told[-1]["fraction"] == 1.0


def test_failing_takes_a_known_reason(context):
    with pytest.raises(Failed) as failed:
        context.fail("no answer", "network_error")
    assert failed.value.reason == "network_error"
    with pytest.raises(ValueError, match="no reason"):
        context.fail("no answer", "bad_luck")


def test_one_input_is_asked_for_when_there_are_several(context):
    assert context.input == "example.com"
    context.inputs.append("example.org")
    with pytest.raises(Failed, match="not on 2"):
        _ = context.input


def test_reasons_are_among_those_of_tasks():
    from webapp.plugins.contract import REASONS
    from webapp.tasks.reasons import Reason

    assert set(REASONS) <= {str(reason) for reason in Reason}
