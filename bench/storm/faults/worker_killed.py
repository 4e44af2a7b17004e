"""kill -9 of a worker alone: its warm parent and its tasks have to go by themselves."""

from bench.storm.storm import Storm

WORKERS = ("worker-1", "worker-2")


def strike(storm: Storm) -> bool:
    name = storm.random.choice(WORKERS)
    struck = storm.site.kill(name)
    if struck:
        storm.later(storm.random.uniform(0, 3), lambda: storm.site.start_part(name))
    return struck
