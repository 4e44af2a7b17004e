"""What is measured: each module has `KEYS` and `rows(wanted)`."""

from types import ModuleType

from bench.rows import agents, browser, idle, pages, queueing, schedules, throughput

MODULES: tuple[ModuleType, ...] = (queueing, throughput, pages, browser, schedules, agents, idle)
