"""kill -9 of the process that a worker forks its tasks from."""

import contextlib
import os
import signal

from bench.storm.faults.worker_killed import WORKERS
from bench.storm.storm import Storm


def strike(storm: Storm) -> bool:
    parents = storm.site.children(storm.random.choice(WORKERS))
    for pid in parents:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(parents)
