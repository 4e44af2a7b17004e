"""What can happen, one file each with `strike(storm) -> bool`: False where there was nothing to hit."""

from collections.abc import Callable

from bench.storm.faults import (
    agents_clock,
    agents_copied,
    agents_disk,
    agents_frozen,
    agents_killed,
    broker_flushed,
    broker_killed,
    connections_cut,
    database_locked,
    loops_killed,
    network,
    scheduler_killed,
    server_away,
    shim_killed,
    tasks_cancelled,
    warm_parent_killed,
    web_killed,
    worker_frozen,
    worker_group_killed,
    worker_killed,
)
from bench.storm.storm import Storm

FAULTS: dict[str, Callable[[Storm], bool]] = {
    "agent and runner killed": agents_killed.both,
    "agent copied": agents_copied.strike,
    "agent frozen": agents_frozen.strike,
    "agent killed": agents_killed.agent,
    "agent's clock turned": agents_clock.strike,
    "agent's disk full": agents_disk.strike,
    "broker flushed": broker_flushed.strike,
    "broker killed": broker_killed.strike,
    "connections cut": connections_cut.strike,
    "database locked": database_locked.strike,
    "loops killed": loops_killed.strike,
    "network answers lost": network.answers_lost,
    "network cut": network.cut,
    "network doubled": network.doubled,
    "network half-open": network.half_open,
    "network slow": network.slow,
    "runner killed": agents_killed.runner,
    "server away": server_away.strike,
    "scheduler killed": scheduler_killed.strike,
    "shim killed": shim_killed.strike,
    "tasks cancelled": tasks_cancelled.strike,
    "warm parent killed": warm_parent_killed.strike,
    "web killed": web_killed.strike,
    "worker frozen": worker_frozen.strike,
    "worker group killed": worker_group_killed.strike,
    "worker killed": worker_killed.strike,
}
ONLY_POSTGRES = frozenset({"connections cut"})
