import os
import signal
import stat
import subprocess
import sys
import zlib
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests.workers.processes import alive, until
from webapp import queue
from webapp.config import broker_socket, load
from workers import broker


@pytest.fixture
def settings(tmp_path):
    return load({"MUSTER_DATA": str(tmp_path)})


@pytest.fixture
def served(settings):
    with broker.running(settings.data):
        queue.connect(settings)
        yield settings


@pytest.fixture
def session():
    engine = create_engine("sqlite://")
    with Session(engine) as session:
        session.execute(text("SELECT 1"))
        yield session
    engine.dispose()


def test_it_serves_on_a_socket_that_is_only_ours(served):
    mode = broker_socket(served.data).stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o700
    assert queue.ping()


def test_what_it_holds_survives_kill_9(settings):
    first = broker.start(settings.data)
    client = queue.connect(settings)
    client.config_set("appendfsync", "always")
    assert queue.put("kept", "1")
    first.kill()
    first.wait()
    with broker.running(settings.data):
        assert queue.ping() and queue.get("kept") == b"1"


def test_unreadable_files_are_set_aside(settings):
    with broker.running(settings.data):
        queue.connect(settings)
        queue.put("lost", "1")
    (settings.data / "broker" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with broker.running(settings.data):
        assert queue.ping() and queue.get("lost") is None
    assert list((settings.data / "broker").glob("unreadable-*"))


def test_a_deep_data_folder_works(tmp_path):
    settings = load({"MUSTER_DATA": str(tmp_path / ("deep" * 40))})
    with broker.running(settings.data):
        queue.connect(settings)
        assert queue.ping()
    broker_socket(settings.data).parent.rmdir()


def test_a_socket_folder_that_others_may_write_is_refused(settings):
    folder = broker_socket(settings.data).parent
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(broker.BrokerError, match="others may write"):
        broker.start(settings.data)


def test_a_second_one_is_kept_off_the_same_files(served, monkeypatch):
    monkeypatch.setattr(broker, "STOP_SECONDS", 0)
    with pytest.raises(broker.BrokerError, match="another broker uses"):
        broker.start(served.data)


def test_it_does_not_outlive_what_started_it(settings):
    starter = "import sys, time; from pathlib import Path; from workers import broker; "
    starter += "print(broker.start(Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", starter, str(settings.data)], stdout=subprocess.PIPE, text=True)
    with process:
        pid = int(process.stdout.readline())
        assert broker.answers(settings.data)
        process.send_signal(signal.SIGKILL)
    until(lambda: not alive(pid))


def test_rings_are_one_until_the_drain_looks(served):
    assert queue.ring() and queue.ring()
    assert queue.length() == 1
    queue.delete(queue.RING)
    assert queue.ring()
    assert queue.length() == 2


def test_a_ring_is_a_job_without_pickle(served):
    queue.ring()
    client = queue.client(served)
    job = client.hgetall(b"rq:job:" + client.lindex("rq:queue:work", 0))
    assert job[b"timeout"] == b"-1" and job[b"result_ttl"] == b"0"
    assert b"workers.jobs.drain" in zlib.decompress(job[b"data"])


def test_the_ring_waits_for_the_real_commit(served, session):
    with session.begin_nested():
        queue.ring_after_commit(session)
        queue.ring_after_commit(session)
    assert queue.length() == 0
    session.commit()
    assert queue.length() == 1


def test_no_ring_after_a_rollback(served, session):
    queue.ring_after_commit(session)
    session.rollback()
    session.execute(text("SELECT 1"))
    session.commit()
    assert queue.length() == 0


def test_a_savepoint_rolled_back_does_not_silence_the_rest(served, session):
    queue.ring_after_commit(session)
    with pytest.raises(ZeroDivisionError), session.begin_nested():
        session.execute(text("SELECT 1"))
        raise ZeroDivisionError
    session.commit()
    assert queue.length() == 1


def test_a_later_transaction_of_the_session_rings_again(served, session):
    for _ in range(2):
        queue.delete(queue.RING)
        queue.ring_after_commit(session)
        session.commit()
        session.execute(text("SELECT 1"))
    assert queue.length() == 2


def test_a_failing_call_after_the_commit_does_not_fail_the_commit(served, session):
    queue.after_commit(session, lambda: 1 / 0)
    queue.ring_after_commit(session)
    session.commit()
    assert queue.length() == 1


def test_the_cache_keeps_counts_and_forgets(served):
    assert queue.put("a", "1", seconds=60) and queue.incr("b", 2, seconds=60) == 2
    assert queue.mget(["a", "b", "c"]) == [b"1", b"2", None]
    assert 0 < queue.client(served).pttl("b") <= 60_000
    assert queue.delete("a") and queue.get("a") is None


def test_the_epoch_changes_when_its_memory_is_lost(served):
    first = queue.epoch()
    assert first and queue.epoch() == first
    queue.client(served).flushall()
    assert queue.epoch() not in (None, first)


def test_without_a_broker_nothing_raises_and_the_moment_is_kept(settings, session):
    queue.connect(settings)
    before = datetime.now(UTC)
    queue.ring_after_commit(session)
    session.commit()
    assert queue.away_since() >= before
    assert (queue.ring(), queue.get("a"), queue.mget(["a"]), queue.incr("a")) == (False, None, [None], None)
    assert (queue.put("a", 1), queue.delete("a"), queue.publish("c", "x")) == (False, False, False)
    assert (queue.length(), queue.epoch(), queue.ping()) == (None, None, False)


def test_it_is_found_again_when_it_is_back(settings):
    queue.connect(settings)
    assert not queue.ping() and queue.away_since()
    with broker.running(settings.data):
        assert until(queue.epoch)
    assert queue.away_since() is None


def test_a_restart_between_two_calls_goes_unnoticed(settings):
    with broker.running(settings.data):
        queue.connect(settings)
        assert queue.put("a", "1")
    with broker.running(settings.data):
        assert queue.put("a", "2")
    assert queue.away_since() is None


def test_a_frozen_broker_is_asked_once_and_then_left_alone(settings):
    process = broker.start(settings.data)
    queue.connect(settings)
    queue.ping()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        assert queue.get("a") is None
        assert queue._line.closed_until > 0 and queue.get("a") is None
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        process.wait()
