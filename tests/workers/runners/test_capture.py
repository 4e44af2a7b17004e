"""Output as a child wrote it, byte by byte, and the moments of its pieces."""

import base64
import hashlib
import os
import selectors

import pytest

from workers.agent.capture import NAMES, RECORD, Capture


def records(folder):
    return list(RECORD.iter_unpack((folder / "index").read_bytes()))


def covered(folder):
    """The bytes of each stream, as the index says they follow one another."""
    sizes = dict.fromkeys(NAMES.values(), 0)
    for _, stream, offset, length in records(folder):
        assert offset == sizes[NAMES[stream]]
        sizes[NAMES[stream]] += length
    return sizes


@pytest.fixture
def capture(tmp_path):
    return Capture(tmp_path)


def pump(capture):
    selector = selectors.DefaultSelector()
    capture.watch(selector)
    while capture.readers:
        for key, _ in selector.select():
            key.data()


def test_two_hundred_megabytes_arrive_as_they_were(bench):
    ended = bench.python(
        "import hashlib, os, sys\nseen = hashlib.sha256()\nfor number in range(3200):\n"
        "    piece = os.urandom(64) * 1024 + b'%d\\n' % number\n    seen.update(piece)\n"
        "    sys.stdout.buffer.write(piece)\nsys.stdout.flush()\nprint(seen.hexdigest(), file=sys.stderr)"
    )
    assert ended.exit_code == 0
    assert ended.sizes["stdout"] > 200 * 2**20
    assert ended.sha256["stdout"] == bench.text("stderr").strip()
    with open(bench.output / "stdout", "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == ended.sha256["stdout"]
    assert covered(bench.output) == ended.sizes
    assert ended.dropped_bytes == 0


def test_the_order_of_the_two_streams_is_kept(bench):
    ended = bench.python("import os\nfor n in range(50): os.write(1, b'out'); os.write(2, b'error')")
    assert ended.sizes == {"stdout": 150, "stderr": 250} == covered(bench.output)
    assert [ms for ms, *_ in records(bench.output)] == sorted(ms for ms, *_ in records(bench.output))


def test_pieces_of_one_moment_share_a_record(capture, tmp_path):
    for _ in range(1000):
        os.write(capture.ends[0], b".")
    capture.drain()
    assert len(records(tmp_path)) == 1
    capture.close()
    assert covered(tmp_path) == {"stdout": 1000, "stderr": 0}


def test_a_change_of_stream_starts_a_record(capture, tmp_path):
    for end, text in [(0, b"a"), (1, b"b"), (0, b"c")]:
        os.write(capture.ends[end], text)
        capture.drain()
    capture.close()
    assert [(stream, offset, length) for _, stream, offset, length in records(tmp_path)] == [
        (1, 0, 1),
        (2, 0, 1),
        (1, 1, 1),
    ]


def test_output_can_be_read_while_it_grows(capture, tmp_path):
    os.write(capture.ends[0], b"now")
    capture.drain()
    assert (tmp_path / "stdout").read_bytes() == b"now"
    assert covered(tmp_path)["stdout"] == 3
    capture.close()


def test_the_limit_cuts_and_says_so(bench):
    ended = bench.python("import os\nfor n in range(1000): os.write(1, b'x' * 1000)", max_output=4096)
    marks = b"\n[output limit of 4096 bytes reached, the rest is not kept]\n[995904 bytes were dropped]\n"
    assert (ended.exit_code, ended.dropped_bytes) == (0, 10**6 - 4096)
    kept = (bench.output / "stdout").read_bytes()
    assert kept == b"x" * 4096 + marks
    assert ended.sha256["stdout"] == hashlib.sha256(kept).hexdigest()
    assert covered(bench.output) == ended.sizes


def test_the_limit_is_for_both_streams_together(bench):
    ended = bench.python(
        "import os, time; os.write(1, b'o' * 60); time.sleep(0.2); os.write(2, b'e' * 60)", max_output=100
    )
    assert ended.dropped_bytes == 20
    assert (bench.output / "stdout").read_bytes() == b"o" * 60
    assert (bench.output / "stderr").read_bytes().startswith(b"e" * 40 + b"\n[output limit of 100 bytes")


def test_exactly_the_limit_is_not_over_it(bench):
    ended = bench.python("import os; os.write(1, b'x' * 100)", max_output=100)
    assert (ended.dropped_bytes, ended.sizes["stdout"]) == (0, 100)


def test_a_child_is_not_held_up_by_its_limit(bench):
    ended = bench.python("import os\nfor n in range(200): os.write(1, b'x' * 10**6)", max_output=1000)
    assert (ended.exit_code, ended.dropped_bytes) == (0, 200 * 10**6 - 1000)


def test_memory_stays_flat(bench):
    handle = bench.begin_python("import os\nfor n in range(100): os.write(1, b'x' * 10**6)")
    before = peak(handle.pid)
    assert handle.wait(60).sizes["stdout"] == 10**8
    assert peak(handle.pid) - before < 8 * 1024


def peak(pid):
    """In kB; the shim lives on after its task."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def test_masks_see_every_byte_and_the_end(tmp_path):
    held = {1: b"", 2: b""}

    def mask(stream, data, last):
        ready, held[stream] = held[stream] + data, b""
        if not last and ready.endswith(b"sec"):
            ready, held[stream] = ready[:-3], ready[-3:]
        return ready.replace(b"secret", b"***")

    capture = Capture(tmp_path, mask=mask)
    for piece in (b"a sec", b"ret b", b" sec"):
        os.write(capture.ends[0], piece)
        capture.drain()
    totals = capture.close()
    assert (tmp_path / "stdout").read_bytes() == b"a *** b sec"
    assert totals.sizes == covered(tmp_path)
    assert base64.b16decode(totals.sha256["stdout"].upper()) == hashlib.sha256(b"a *** b sec").digest()


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("untouched")
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "stdout").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        Capture(tmp_path / "output")
    assert (tmp_path / "victim").read_text() == "untouched"


def test_watch_reads_until_both_ends_are_closed(capture, tmp_path):
    os.write(capture.ends[0], b"one")
    os.write(capture.ends[1], b"two")
    capture.release()
    pump(capture)
    assert capture.close().sizes == {"stdout": 3, "stderr": 3}
