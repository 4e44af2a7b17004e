"""kill -9 of one scheduler, often in the middle of a slot: another has to go on, and must not start it again."""

from bench.storm.storm import Storm


def strike(storm: Storm) -> bool:
    return storm.site.kill("scheduler-1")
