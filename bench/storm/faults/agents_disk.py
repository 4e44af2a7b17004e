"""The disk under one agent's work dir is full for some seconds, down to the last byte."""

import errno
import os

from bench.storm.storm import Storm

SECONDS = (3.0, 8.0, 20.0)
PART = b"\0" * 2**16


def strike(storm: Storm) -> bool:
    host = storm.fleet.small
    if host is None or (filler := host.work / "filler").exists():
        return False
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(PART):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        os.fsync(file.fileno())
    storm.later(storm.random.choice(SECONDS), lambda: filler.unlink(missing_ok=True))
    return True
