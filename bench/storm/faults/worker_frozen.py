"""SIGSTOP of a worker for longer than its leases, then SIGCONT: it wakes up believing that the tasks are its own."""

from bench.storm.faults.worker_killed import WORKERS
from bench.storm.storm import Storm

SECONDS = 66.0


def strike(storm: Storm) -> bool:
    if storm.site.frozen:
        return False  # one at a time: somebody has to go on with the work
    name = storm.random.choice(WORKERS)
    struck = storm.site.freeze(name)
    if struck:
        storm.later(SECONDS, lambda: storm.site.thaw(name))
    return struck
