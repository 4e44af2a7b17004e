"""The queue of results: order, durability, and what becomes of damaged files."""

import json
import os
import threading
from pathlib import Path

import pytest

from workers.agent.client import Final, Transient
from workers.agent.protocol import Refusal
from workers.agent.spool import KEEP_REJECTED_S, Entry, Spool
from workers.agent.state import WorkDir


@pytest.fixture
def work(tmp_path):
    made = WorkDir(str(tmp_path / "work"))
    made.prepare()
    return made


@pytest.fixture
def spool(work):
    return Spool(work)


def entry(n):
    return Entry(f"00000000-0000-0000-0000-{n:012d}", "result", {"lease_seq": 1, "token": "t", "n": n}, "/nowhere")


def drained(spool):
    taken = []
    spool.drain(lambda each: taken.append(each.body["n"]))
    return taken


def test_first_in_first_out_whatever_the_ids(spool):
    for n in (5, 3, 9, 1):
        spool.put(entry(n))
    assert drained(spool) == [5, 3, 9, 1]
    assert spool.count() == 0


def test_names_are_a_counter_that_an_empty_queue_does_not_reset(work, spool):
    spool.put(entry(1))
    drained(spool)
    again = Spool(work)
    again.put(entry(2))
    assert again.names() == ["0000000002-00000000-0000-0000-0000-000000000002.json"]


def test_a_lost_counter_goes_on_after_the_newest_file(work, spool):
    spool.put(entry(1))
    os.unlink(work.path("counter"))
    spool.put(entry(2))
    assert [name[:10] for name in spool.names()] == ["0000000001", "0000000002"]


def test_results_put_from_many_threads_at_once_are_all_there(spool):
    threads = [threading.Thread(target=spool.put, args=(entry(n),)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(drained(spool)) == list(range(20))


def test_the_first_delay_ends_the_round_and_keeps_the_order(spool):
    for n in (1, 2, 3):
        spool.put(entry(n))

    def deliver(each):
        if each.body["n"] == 2:
            raise Transient("not now")

    with pytest.raises(Transient):
        spool.drain(deliver)
    assert drained(spool) == [2, 3]


def test_a_final_refusal_is_set_aside_with_its_reason_and_holds_nothing_up(work, spool):
    spool.put(entry(1))
    spool.put(entry(2))

    def deliver(each):
        if each.body["n"] == 1:
            raise Final(404, Refusal("not_found", "no such task"))

    assert spool.drain(deliver) == 1
    kept, reason = sorted(os.listdir(work.path("rejected")))
    assert json.loads(Path(work.path("rejected", kept)).read_text())["body"]["n"] == 1
    assert "no such task" in Path(work.path("rejected", reason)).read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"task_id": "x"}', "\xff"])
def test_a_damaged_file_is_moved_aside_and_not_deleted(work, spool, text):
    spool.put(entry(1))
    (name,) = spool.names()
    with open(work.path("queue", name), "w", encoding="latin-1") as file:
        file.write(text)
    spool.put(entry(2))
    assert drained(spool) == [2]
    assert name in os.listdir(work.path("rejected"))


def test_a_write_that_was_cut_off_leaves_no_result(work, spool):
    with open(work.path("queue", ".new-abc"), "w") as file:
        file.write('{"task_id"')
    assert spool.count() == 0
    assert drained(spool) == []
    spool.clear()
    assert not os.path.exists(work.path("queue", ".new-abc"))


def test_set_aside_files_are_kept_for_thirty_days(work, spool):
    path = work.path("rejected", "old.json")
    Path(path).touch()
    written = os.stat(path).st_mtime
    spool.prune(written + KEEP_REJECTED_S - 1)
    assert os.path.exists(path)
    spool.prune(written + KEEP_REJECTED_S + 1)
    assert not os.path.exists(path)
