import json
import subprocess
import sys

import pytest

from tests.plugins.conftest import ROOT
from webapp.plugins.journal import EVENTS, LINE_LIMIT, Journal, read_events


def test_events_are_read_in_order_and_from_where_the_last_look_ended(tmp_path):
    with Journal(tmp_path) as journal:
        journal.write("progress", fraction=0.5, text="half")
        first, offset = read_events(tmp_path)
        journal.write("result", data=None)
    second, end = read_events(tmp_path, offset)
    assert [event["kind"] for event in first + second] == ["progress", "result"]
    assert read_events(tmp_path, end) == ([], end)


def test_a_line_still_being_written_waits(tmp_path):
    path = tmp_path / EVENTS
    path.write_bytes(b'{"kind": "progress"}\n{"kind": "res')
    events, offset = read_events(tmp_path)
    assert len(events) == 1
    path.write_bytes(path.read_bytes() + b'ult"}\n')
    assert read_events(tmp_path, offset)[0] == [{"kind": "result"}]


def test_at_most_a_limit_is_read_at_a_time(tmp_path):
    with Journal(tmp_path) as journal:
        for number in range(5):
            journal.write("result", data=number)
    first, offset = read_events(tmp_path, limit=3)
    assert [event["data"] for event in first + read_events(tmp_path, offset)[0]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[1]", b'{"kind": "other"}', b"\xff\xfe", b"[" * 100_000, b"x" * (3 * LINE_LIMIT)]
)
def test_what_is_no_event_is_named_and_hides_nothing(tmp_path, line):
    (tmp_path / EVENTS).write_bytes(line + b'\n{"kind": "result"}\n')
    events, _ = read_events(tmp_path)
    assert [event["kind"] for event in events] == ["unreadable", "result"]
    assert len(events[0]["text"]) <= 200


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "other").write_text('{"kind": "result"}\n')
    (tmp_path / EVENTS).symlink_to(tmp_path / "other")
    assert read_events(tmp_path) == ([], 0)


def test_no_file_means_no_events(tmp_path):
    assert read_events(tmp_path) == ([], 0)


def test_a_line_is_there_as_soon_as_it_was_told(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from webapp.plugins.journal import Journal\n"
        "Journal(Path(sys.argv[1])).write('progress', fraction=0.1)\n"
        "os._exit(9)  # no flush, no close, as a kill"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env={"PYTHONPATH": str(ROOT)})
    assert ended.returncode == 9
    assert json.loads((tmp_path / EVENTS).read_text())["fraction"] == 0.1


def test_what_json_cannot_hold_is_refused(tmp_path):
    with Journal(tmp_path) as journal:
        for data in (float("nan"), object(), "x" * LINE_LIMIT):
            with pytest.raises((TypeError, ValueError)):
                journal.write("result", data=data)
    assert read_events(tmp_path) == ([], 0)
