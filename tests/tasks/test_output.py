"""Output folders: what arrives in pieces is whole, and what is whole opens anywhere."""

import hashlib
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.tasks.log import output, output_lines, output_view
from webapp.tasks.log.output_view import RECORD
from workers.agent import capture

UUID = "0b0f7f6e-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """On a busy machine lines would stay uncounted: readers are not kept waiting for that."""
    monkeypatch.setattr(output_lines, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture
def folder(tmp_path):
    return output.folder(tmp_path, UUID)


def printed(folder, *pieces):
    """Each piece as if it came a millisecond after the one before: `(stream, bytes)`."""
    for number, (stream, data) in enumerate(pieces):
        output.append(folder, stream, output.sizes(folder)[stream], data, at_ms=number)
    return folder


def texts(window):
    return [line.text for line in window.lines]


def test_each_task_has_its_folder(tmp_path):
    assert output.folder(tmp_path, UUID) == tmp_path / "output" / "0b" / UUID


def test_the_index_is_what_executors_write():
    assert RECORD.format == capture.RECORD.format
    assert output_view.NAMES == capture.NAMES


def test_bytes_are_appended_where_they_belong(folder):
    assert output.append(folder, "stdout", 0, b"one") == 3
    assert output.append(folder, "stdout", 3, b"two") == 6
    assert output.read(folder, "stdout") == b"onetwo"
    assert output.sizes(folder) == {"stdout": 6, "stderr": 0, "index": 0}


def test_only_the_server_may_look_into_the_folder(folder):
    output.append(folder, "stdout", 0, b"one")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "stdout").stat().st_mode & 0o777 == 0o600


def test_a_gap_says_where_to_go_on(folder):
    output.append(folder, "stdout", 0, b"one")
    with pytest.raises(output.Gap) as gap:
        output.append(folder, "stdout", 4, b"x")
    assert gap.value.size == 3


@pytest.mark.parametrize(("offset", "data"), [(0, b"one"), (1, b"n"), (0, b"onetwo"), (2, b"etwo"), (3, b"")])
def test_repeated_bytes_are_ignored(folder, offset, data):
    output.append(folder, "stdout", 0, b"one")
    output.append(folder, "stdout", offset, data)
    assert output.read(folder, "stdout") in (b"one", b"onetwo")


@pytest.mark.parametrize(("offset", "data"), [(0, b"two"), (2, b"x"), (1, b"nx")])
def test_other_bytes_are_a_conflict(folder, offset, data):
    output.append(folder, "stdout", 0, b"one")
    with pytest.raises(output.Conflict):
        output.append(folder, "stdout", offset, data)
    assert output.read(folder, "stdout") == b"one"


def test_what_was_never_confirmed_is_cut(folder):
    printed(folder, ("stdout", b"kept\nhalf a piece that a crash left"))
    assert texts(output.window(folder, "stdout"))[0] == "kept"
    assert output.append(folder, "stdout", 5, b"whole\n", at_ms=9, recorded=5) == 11
    assert texts(output.window(folder, "stdout")) == ["kept", "whole"]


def test_a_full_disk_leaves_no_half_piece(folder):
    program = (
        "import resource, sys; from pathlib import Path; from webapp.tasks.log import output\n"
        "output.append(Path(sys.argv[1]), 'stdout', 0, b'x' * 60_000)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: output.append(Path(sys.argv[1]), 'stdout', 60_000, b'x' * 60_000)\n"
        "except OSError: sys.exit(7)"
    )
    assert run(program, folder) == 7
    assert output.sizes(folder)["stdout"] == 60_000


def run(program, folder):
    return subprocess.run([sys.executable, "-c", program, folder], env=os.environ | {"PYTHONPATH": "."}).returncode


def test_an_agent_sends_the_index_itself(folder):
    output.append(folder, "stdout", 0, b"ab")
    output.append(folder, "stderr", 0, b"X")
    index = RECORD.pack(1, 1, 0, 1) + RECORD.pack(2, 2, 0, 1) + RECORD.pack(3, 1, 1, 1)
    for start in range(0, len(index), 20):  # its pieces need not be whole records
        output.append(folder, "index", start, index[start : start + 20])
    assert output.read(folder, "both") == b"aXb"


def test_both_streams_in_the_order_they_came(folder):
    printed(folder, ("stdout", b"1\n"), ("stderr", b"2\n"), ("stdout", b"3\n4"), ("stderr", b"5\n"))
    assert output.read(folder, "both") == b"1\n2\n3\n45\n"
    assert output.read(folder, "both", 3, 7) == b"\n3\n4"
    assert output.read(folder, "stderr") == b"2\n5\n"
    assert [line.stream for line in output.window(folder).lines] == ["stdout", "stderr", "stdout", "stdout"]


def test_what_an_executor_captured_reads_the_same(folder):
    captured = capture.Capture(folder)
    for end, text in [(0, b"out\n"), (1, b"err\n"), (0, b"out again\n")]:
        os.write(captured.ends[end], text)
        captured.drain()
    assert output.read(folder, "both") == b"out\nerr\nout again\n"
    captured.close()
    assert [line.stream for line in output.window(folder).lines] == ["stdout", "stderr", "stdout"]


def test_settle_puts_what_the_index_misses_last(folder):
    printed(folder, ("stdout", b"known\n"))
    output.append(folder, "stdout", 6, b"out\n")
    output.append(folder, "stderr", 0, b"err\n")
    assert output.read(folder, "both") == b"known\n"
    output.settle(folder)
    output.settle(folder)
    assert output.read(folder, "both") == b"known\nout\nerr\n"


def test_nothing_printed_is_an_empty_output(folder):
    output.settle(folder)
    assert output.window(folder) == output.Window([], 0, 0, 0)
    assert output.read(folder, "stdout") == b""
    assert output.find(folder, "both", "x") == output.Found([], None)
    assert output.line_offset(folder, "both", 1) is None
    assert output.tail(folder) == ""


def test_a_stream_that_does_not_exist(folder):
    with pytest.raises(ValueError):
        output.read(folder, "../secret")


def test_a_digest_of_all_and_of_a_part(folder):
    output.append(folder, "stdout", 0, b"onetwo")
    assert output.digest(folder, "stdout") == hashlib.sha256(b"onetwo").hexdigest()
    assert output.digest(folder, "stdout", 3) == hashlib.sha256(b"one").hexdigest()


def test_remove_leaves_nothing(folder):
    printed(folder, ("stdout", b"x\n"))
    output.remove(folder)
    output.remove(folder)
    assert not folder.exists()


def test_the_last_lines_come_first(folder):
    printed(folder, ("stdout", b"".join(b"line %d\n" % number for number in range(1, 1001))))
    last = output.window(folder, limit_lines=3)
    assert texts(last) == ["line 998", "line 999", "line 1000"]
    assert [line.number for line in last.lines] == [998, 999, 1000]
    assert (last.at_start, last.at_end, last.end) == (False, True, last.size)
    before = output.window(folder, before_offset=last.start, limit_lines=2)
    assert texts(before) == ["line 996", "line 997"]
    after = output.window(folder, from_offset=before.end, limit_lines=2)
    assert texts(after) == ["line 998", "line 999"]
    assert output.tail(folder, max_lines=2) == "line 999\nline 1000"


def test_an_open_line_is_shown_and_comes_again(folder):
    printed(folder, ("stdout", b"done\nworking"))
    first = output.window(folder, from_offset=0)
    assert (texts(first), [line.open for line in first.lines]) == (["done", "working"], [False, True])
    assert first.at_end
    printed(folder, ("stdout", b" hard\n"))
    second = output.window(folder, from_offset=first.end)
    assert (texts(second), second.lines[0].number, second.lines[0].open) == (["working hard"], 2, False)


def test_an_offset_inside_a_line_means_the_line(folder):
    printed(folder, ("stdout", b"one\ntwo\nthree\n"))
    assert texts(output.window(folder, from_offset=6)) == ["two", "three"]


def test_lines_know_when_they_came(folder):
    printed(folder, ("stdout", b"a\nb"), ("stdout", b"b\nc\n"), ("stderr", b"d\n"))
    assert [line.ms for line in output.window(folder).lines] == [0, 0, 1, 2]
    assert [line.ms for line in output.window(folder, "stderr").lines] == [2]


def test_bytes_that_are_no_text_are_replaced(folder):
    printed(folder, ("stdout", b"a\xff\xfe\xc3\n\xed\xa0\x80\n"))
    assert texts(output.window(folder))[0] == "a\ufffd\ufffd\ufffd"


def test_of_a_progress_display_the_last_state_is_shown(folder):
    printed(folder, ("stdout", b"10 %\r50 %\r100 %\r\nwindows\r\n"))
    assert texts(output.window(folder)) == ["100 %", "windows"]


def test_a_section_mark_keeps_its_title(folder):
    printed(folder, ("stdout", b"\x1b[0Ksection_start:1:a\r\x1b[0KTitle\n"))
    assert texts(output.window(folder))[0].endswith("Title")


def test_a_long_line_is_cut_and_says_how_much(folder):
    printed(folder, ("stdout", b"x" * 100_000 + b"\nnext\n"))
    long, following = output.window(folder).lines
    assert (len(long.text), long.hidden, long.number) == (16 * 1024, 100_000 - 16 * 1024, 1)
    assert (following.text, following.number) == ("next", 2)


def test_ten_megabytes_without_a_newline_open_in_pieces(folder):
    printed(folder, ("stdout", b"start\n" + b"x" * 10 * 2**20 + b"\nend\n"))
    last = output.window(folder, limit_lines=2)
    assert (texts(last), last.lines[0].number) == (["end"], 3)
    long = output.window(folder, before_offset=last.start, limit_lines=2).lines
    assert [line.number for line in long] == [2]
    assert long[0].end - long[0].offset <= 2 * 2**20
    place, seen = 0, 0
    while place < last.size:
        window = output.window(folder, from_offset=place)
        assert window.end > place
        place, seen = window.end, seen + sum(line.end - line.offset for line in window.lines)
    assert seen == last.size


def test_a_line_is_found_by_its_number(folder):
    printed(folder, ("stdout", b"".join(b"line %d\n" % number for number in range(1, 50_001))))
    for number in (1, 2, 4567, 50_000):
        offset = output.line_offset(folder, "both", number)
        line = output.window(folder, from_offset=offset, limit_lines=1).lines[0]
        assert (line.text, line.number, line.offset) == (f"line {number}", number, offset)
    assert output.line_offset(folder, "both", 50_001) is None
    assert output.line_offset(folder, "both", 0) is None


def test_counting_goes_on_where_it_stopped(folder):
    for _ in range(4):
        printed(folder, ("stdout", b"x" * 30_000 + b"\n"))
        output.window(folder)
    assert [line.number for line in output.window(folder, limit_lines=2).lines] == [3, 4]
    printed(folder, ("stdout", b"\n" * 100_000))
    assert output.window(folder, limit_lines=1).lines[0].number == 100_004


def test_find_meets_each_line_once(folder):
    printed(folder, ("stdout", b"Alpha alpha\nbeta\n"), ("stderr", b"ALPHA\n"), ("stdout", b"gamma <alpha>\n"))
    found = output.find(folder, "both", "alpha")
    assert [line.text for line in found.lines] == ["Alpha alpha", "ALPHA", "gamma <alpha>"]
    assert [line.number for line in found.lines] == [1, 3, 4]
    assert found.next is None
    assert [line.text for line in output.find(folder, "stderr", "a").lines] == ["ALPHA"]


def test_find_goes_on_and_backwards(folder):
    printed(folder, ("stdout", b"".join(b"hit %d\n" % number for number in range(10))))
    first = output.find(folder, "both", "hit", limit=3)
    assert [line.number for line in first.lines] == [1, 2, 3]
    then = output.find(folder, "both", "hit", from_offset=first.next, limit=20)
    assert ([line.number for line in then.lines], then.next) == ([4, 5, 6, 7, 8, 9, 10], None)
    back = output.find(folder, "both", "hit", backwards=True, limit=2)
    assert [line.number for line in back.lines] == [10, 9]
    assert output.find(folder, "both", "hit", from_offset=back.next, backwards=True, limit=1).lines[0].number == 8


def test_find_sees_what_lies_across_its_pieces(folder):
    printed(folder, ("stdout", b"." * (2**20 - 3) + b"needle\n" + b"." * (2**20)))
    for backwards in (False, True):
        assert len(output.find(folder, "both", "needle", backwards=backwards).lines) == 1


def test_find_stops_when_its_time_is_over_and_can_go_on(folder):
    printed(folder, ("stdout", b".\n" * 2**20 + b"needle\n"))
    rounds, place = 0, 0
    while place is not None:
        found = output.find(folder, "both", "needle", from_offset=place, seconds=-1)
        rounds, place = rounds + 1, found.next
    assert rounds > 1
    assert [line.text for line in found.lines] == ["needle"]


def test_an_index_that_lies_harms_nobody(folder):
    output.append(folder, "stdout", 0, b"one\ntwo\n")
    lies = [(0, 1, 2**60, 2**31), (0, 9, 0, 5), (5, 2, 7, 2**32 - 1), (1, 1, 0, 3)]
    output.append(folder, "index", 0, b"".join(RECORD.pack(*lie) for lie in lies) + b"torn")
    assert output.window(folder).size <= 8
    assert texts(output.window(folder, "stdout")) == ["one", "two"]
    output.find(folder, "both", "two")
    output.settle(folder)


PIECES = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.text("ab\n\rü", max_size=12).map(str.encode)), max_size=20
)


@contextmanager
def small_steps():
    """The same code with blocks so small that a short output crosses all of them."""
    names = {"_BREAK": 32, "_STRIDE": 16, "_STEP": 4}
    kept = {name: getattr(output_lines, name) for name in names}
    block, output_view._BLOCK = output_view._BLOCK, 2
    for name, value in names.items():
        setattr(output_lines, name, value)
    try:
        yield
    finally:
        output_view._BLOCK = block
        for name, value in kept.items():
            setattr(output_lines, name, value)


def split(data):
    """The lines of an output, by the words of `output_lines`."""
    lines, start = [], 0
    for end in range(1, len(data) + 1):
        silent = end % 32 == 0 and b"\n" not in data[end - 32 : end]
        if data[end - 1 : end] == b"\n" or silent or end == len(data):
            lines.append((start, end))
            start = end
    return lines


@settings(deadline=None)
@given(PIECES, st.sampled_from(["stdout", "stderr", "both"]), st.integers(1, 5), st.integers(1, 40))
def test_all_ways_through_an_output_show_the_same_lines(pieces, stream, limit_lines, limit_bytes):
    with tempfile.TemporaryDirectory() as place, small_steps():
        folder = printed(Path(place), *pieces)
        data = b"".join(piece for name, piece in pieces if stream in (name, "both"))
        assert output.read(folder, stream) == b"".join(output.chunks(folder, stream)) == data
        limits = {"limit_lines": limit_lines, "limit_bytes": limit_bytes}
        down = list(walk_down(folder, stream, limits))
        assert [(line.offset, line.end) for line in down] == split(data)
        assert [line.number for line in down] == [data.count(b"\n", 0, line.offset) + 1 for line in down]
        assert list(walk_up(folder, stream, limits)) == down


def walk_down(folder, stream, limits):
    place, size = 0, -1
    while place < (window := output.window(folder, stream, from_offset=place, **limits)).size and size != place:
        yield from window.lines
        if window.at_end:
            return
        place = window.end


def walk_up(folder, stream, limits):
    seen, place = [], None
    while (window := output.window(folder, stream, before_offset=place, **limits)).lines:
        seen = window.lines + seen
        place = window.start
    return seen


@settings(deadline=None)
@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12))
def test_any_order_of_pieces_and_repeats_makes_the_same_bytes(data, ranges):
    with tempfile.TemporaryDirectory() as place:
        folder, size = Path(place), 0
        for start, length in ranges:
            try:
                size = output.append(folder, "stdout", start, data[start : start + length])
            except output.Gap as gap:
                assert start > size == gap.size
            assert output.read(folder, "stdout") == data[:size]
