"""What /metrics counts."""

import subprocess
import sys


def test_first_requests_that_come_at_once_make_the_counters_once() -> None:
    """In a process of its own, since these are made once a process."""
    program = """
import sys, threading
from webapp import metrics
sys.setswitchinterval(1e-6)
start, found = threading.Barrier(8), []
def first():
    start.wait()
    found.append(list(metrics._counters()))
threads = [threading.Thread(target=first) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print({len(each) for each in found})
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "{2}\n"
