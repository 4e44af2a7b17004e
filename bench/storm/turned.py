"""Runs the agent with a clock that can be turned: `python3 turned.py FILE PROGRAM …`. The file holds by how many seconds.

Only what the agent's own process calls the time is turned; the monotonic clock goes on as it is, as on a real host.
"""

import datetime
import runpy
import sys
import time

right = time.time


def turned() -> float:
    try:
        with open(FILE, encoding="utf-8") as file:
            return right() + float(file.read())
    except FileNotFoundError:
        return right()


class Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):  # type: ignore[no-untyped-def]
        return cls.fromtimestamp(turned(), tz)


if __name__ == "__main__":
    FILE, program = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    time.time, datetime.datetime = turned, Datetime  # type: ignore[misc]
    runpy.run_path(program, run_name="__main__")
