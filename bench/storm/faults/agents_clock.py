"""A host's clock is wrong for a while, by minutes, hours or years. Nothing is decided by it, and the server tells of it."""

from functools import partial

from bench.storm.storm import Storm

HOUR = 3600
OFF = (-400 * 24 * HOUR, -26 * HOUR, -3 * HOUR, 20 * 60, 5 * HOUR, 30 * HOUR, 800 * 24 * HOUR)
SECONDS = (40.0, 90.0, 180.0)


def strike(storm: Storm) -> bool:
    right = [host for host in storm.fleet.hosts if not host.off]
    if not right:
        return False
    host = storm.random.choice(right)
    host.turn(storm.random.choice(OFF))
    storm.later(storm.random.choice(SECONDS), partial(storm.fleet.set_right, host))
    return True
