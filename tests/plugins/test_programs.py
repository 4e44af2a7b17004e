"""Plugins in other languages: here in shell, which every host has."""

import json
from pathlib import Path

import pytest

from webapp.plugins import discovery

MANIFEST = {"id": "greet", "name": "Greet", "description": "Greets a host.", "consumes": ["hostname"]}
# Reads its call, answers with each kind of line, and with lines that are none.
GREET = r"""#!/bin/sh
call=$(cat)
echo "got $call"
echo "not an event" >&2
echo '{"kind": "progress", "fraction": 0.5, "text": "half"}'
echo '{"kind": "object", "type": "hostname", "fields": {"name": "www.example.com"}}'
out=$(printf %s "$call" | sed 's/.*"out": "\([^"]*\)".*/\1/')
echo content > "$out/greeting.txt"
echo '{"kind": "file", "name": "greeting.txt", "type": "greeting"}'
echo '{"kind": "strange"}'
echo '{not json'
echo '{"kind": "result", "data": {"greeted": 1}}'
"""


@pytest.fixture
def program(tmp_path: Path):
    def write(source: str, manifest: dict = MANIFEST, name: str = "greet", mode: int = 0o755) -> str:
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(source)
        (folder / name).chmod(mode)
        (folder / "greet.plugin.json").write_text(json.dumps(manifest))
        return f"program:{folder / 'greet.plugin.json'}"

    return write


def test_a_program_is_a_plugin(run, program):
    ran = run("greet", "office|example.com", location=program(GREET))
    assert (ran.code, ran.result) == (0, {"greeted": 1})
    assert ran.of("progress")[0]["fraction"] == 0.5
    assert ran.keys("hostname") == ["office|www.example.com"]
    assert ran.of("file")[0]["type"] == "greeting" and ran.file("greeting.txt") == "content\n"
    assert ran.stderr == "not an event\n"
    got, *rest = ran.stdout.splitlines()
    assert json.loads(got.removeprefix("got "))["inputs"] == ["example.com"]
    assert rest == ['{"kind": "strange"}', "{not json"]


def test_a_program_is_in_the_catalogue(program, tmp_path):
    program(GREET)
    assert discovery.discover(tmp_path / "plugins").plugins["greet"].manifest.name == "Greet"


@pytest.mark.parametrize(
    ("lines", "code", "reason", "says"),
    [
        ("""echo '{"kind": "error", "text": "nobody", "reason": "network_error"}'""", 1, "network_error", "nobody"),
        ("""echo '{"kind": "error", "reason": "bad luck"}'""", 1, "plugin_error", "reported an error"),
        ("""echo '{"kind": "object", "type": "hostname"}'""", 1, "plugin_error", "'fields'"),
        ("""echo '{"kind": "object", "type": "planet", "fields": {}}'""", 1, "plugin_error", "Unknown object type"),
        ("""echo '{"kind": "file", "name": "../events.jsonl"}'""", 1, "plugin_error", "There is no file"),
        ("""echo '{"kind": "progress", "fraction": "much"}'""", 1, "plugin_error", "much"),
    ],
)
def test_a_program_may_fail_in_words(run, program, lines, code, reason, says):
    ran = run("greet", "example.com", location=program(f"#!/bin/sh\n{lines}\n"))
    assert (ran.code, ran.error["reason"]) == (code, reason)
    assert says in ran.error["text"]


@pytest.mark.parametrize(("end", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_is_that_of_the_program(run, program, end, code):
    ran = run("greet", "example.com", location=program(f"#!/bin/sh\n{end}\n"))
    assert (ran.code, ran.events) == (code, [])


def test_a_program_that_cannot_be_started_says_so(run, program):
    ran = run("greet", "example.com", location=program("#!/no/such/interpreter\n"))
    assert ran.code == 1 and "FileNotFoundError" in ran.error["text"]


def test_much_output_without_reading_the_call_does_not_hang(run, program):
    ran = run("greet", "example.com", location=program("#!/bin/sh\nhead -c 3000000 /dev/zero\necho\n"), settings={})
    assert ran.code == 0 and len(ran.stdout) == 3_000_001


@pytest.mark.parametrize(
    ("manifest", "name", "mode", "says"),
    [
        ({**MANIFEST, "consums": []}, "greet", 0o755, "Did you mean consumes"),
        (MANIFEST, "other", 0o755, "no executable program greet"),
        (MANIFEST, "greet", 0o644, "no executable program greet"),
        ({**MANIFEST, "program": "../../bin/sh"}, "greet", 0o755, "must stand beside"),
        ([], "greet", 0o755, "must be an object"),
    ],
)
def test_a_broken_manifest_is_reported(program, tmp_path, manifest, name, mode, says):
    location = program(GREET, manifest, name, mode)
    broken = discovery.discover(tmp_path / "plugins").broken
    assert [each.location for each in broken] == [location]
    assert says in broken[0].error


def test_the_manifest_may_name_its_program(run, program):
    ran = run("greet", "example.com", location=program("#!/bin/sh\n", {**MANIFEST, "program": "greet.sh"}, "greet.sh"))
    assert ran.code == 0
