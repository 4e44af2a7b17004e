"""kill -9 of scheduler and caretaker."""

from bench.storm.storm import Storm


def strike(storm: Storm) -> bool:
    struck = storm.site.kill("loops")
    if struck:
        storm.later(storm.random.uniform(0, 5), lambda: storm.site.start_part("loops"))
    return struck
