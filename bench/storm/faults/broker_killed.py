"""kill -9 of the broker, which comes back empty, at once or after a while."""

from bench.storm.storm import Storm


def strike(storm: Storm) -> bool:
    struck = storm.site.kill_broker(empty=True)
    if struck:
        storm.later(storm.random.choice((0, 1, 8)), storm.site.start_broker)
    return struck
