"""Everything of the server but its data is away for a third of the storm, at most ten minutes. Tasks on hosts go on, end,
and wait to be told."""

from __future__ import annotations

from bench.storm.storm import Storm

SHARE, MOST = 1 / 3, 600.0


def strike(storm: Storm) -> bool:
    """Once a storm."""
    if storm.struck["server away"] or storm.site.frozen:
        return False
    names = set(storm.site.names)
    storm.site.away |= names
    for name in names:
        storm.site.kill(name)
    storm.later(min(MOST, storm.seconds * SHARE), storm.site.away.clear)
    return True
