"""kill -9 of a worker alone: its warm parent and its tasks have to go by themselves."""

from bench.storm.storm import Storm

WORKERS = ("worker-1", "worker-2")


def strike(storm: Storm) -> bool:
    return storm.site.kill(storm.random.choice(WORKERS))
