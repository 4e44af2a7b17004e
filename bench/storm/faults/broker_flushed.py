"""FLUSHALL: every ring, session fact and counter is gone."""

import redis

from bench.storm.storm import Storm
from webapp import queue


def strike(storm: Storm) -> bool:
    line = queue.client(storm.site.settings)
    try:
        return bool(line.flushall())
    except redis.RedisError:
        return False
    finally:
        line.close()
