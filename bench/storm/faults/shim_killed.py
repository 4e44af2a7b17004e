"""kill -9 of a process that looks after one task."""

import contextlib
import os
import signal

from bench.storm.faults.worker_killed import WORKERS
from bench.storm.site import children
from bench.storm.storm import Storm


def strike(storm: Storm) -> bool:
    shims = sorted(pid for name in WORKERS for parent in storm.site.children(name) for pid in children(parent))
    if not shims:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(storm.random.choice(shims), signal.SIGKILL)
    return True
