"""kill -9 of scheduler and caretaker."""

from bench.storm.storm import Storm


def strike(storm: Storm) -> bool:
    return storm.site.kill("loops")
