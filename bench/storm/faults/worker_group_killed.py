"""kill -9 of a worker, its warm parent and every shim at once, as the kernel does when memory runs out."""

import contextlib
import os
import signal

from bench.storm.faults.worker_killed import WORKERS
from bench.storm.site import children
from bench.storm.storm import Storm


def strike(storm: Storm) -> bool:
    name = storm.random.choice(WORKERS)
    warm = storm.site.children(name)
    shims = [shim for parent in warm for shim in children(parent)]
    struck = storm.site.kill(name)
    for pid in [*warm, *shims]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return struck
