"""The whole product as a newcomer runs it: how long to ready, what it holds and burns when nothing happens."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Row

KEYS = ("g1", "g2")
QUIET_SECONDS = 20


def rows(wanted: set[str]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        stop(*start(folder))  # the first start makes the database
        process, port, took = start(folder)
        try:
            if "g1" in wanted:
                yield Row("g1", "second start, to ready", took, "s", 3)
                yield Row("g1", "first page after that", page(port) * 1000, "ms", 300)
            if "g2" in wanted:
                yield from idle(process)
        finally:
            stop(process, port, took)


def start(folder: str) -> tuple[subprocess.Popen[str], int, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"MUSTER_DATA": folder, "PORT": str(port), "MUSTER_ADMIN_PASSWORD": "a bench needs no secret"}
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "webapp.cli", "up"], env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if line.startswith("Muster is ready"):
            return process, port, time.perf_counter() - begun
    raise RuntimeError("the product did not start")


def stop(process: subprocess.Popen[str], _port: int, _took: float) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(60)
    if process.stdout:
        process.stdout.close()


def page(port: int) -> float:
    begun = time.perf_counter()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("GET", "/login")
    line.getresponse().read()
    line.close()
    return time.perf_counter() - begun


def idle(process: subprocess.Popen[str]) -> Iterator[Row]:
    time.sleep(5)
    before, begun = ticks(process.pid), time.perf_counter()
    time.sleep(QUIET_SECONDS)
    used = (ticks(process.pid) - before) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - begun) * 100
    yield Row("g2", "everything idle, memory (PSS)", sum(map(pss, family(process.pid))) / 1024, "MB", 250)
    yield Row("g2", "everything idle, processor", used, "%", 1)


def family(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split() if int(child) not in found]
    return found


def pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def ticks(pid: int) -> int:
    total = 0
    for member in family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total
