"""kill -9 on a host: of the agent, of the process that looks after one task, of both at once."""

from __future__ import annotations

import contextlib
import os
import signal

from bench.storm.agents import Host
from bench.storm.storm import Storm


def agent(storm: Storm) -> bool:
    """Its tasks go on; it finds them again."""
    return storm.random.choice(storm.fleet.hosts).kill()


def runner(storm: Storm) -> bool:
    hosts = [host for host in storm.fleet.hosts if host.runners()]
    return bool(hosts) and _kill_runners(storm, storm.random.choice(hosts), 1)


def both(storm: Storm) -> bool:
    """The agent first, so that nobody sees its runners go."""
    hosts = [host for host in storm.fleet.hosts if host.alive and host.runners()]
    if not hosts:
        return False
    host = storm.random.choice(hosts)
    host.kill()
    return _kill_runners(storm, host, 100)


def _kill_runners(storm: Storm, host: Host, most: int) -> bool:
    runners = host.runners()
    chosen = storm.random.sample(sorted(runners), min(most, len(runners)))
    storm.fleet.killed.update(runners[pid] for pid in chosen)
    for pid in chosen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(chosen)
