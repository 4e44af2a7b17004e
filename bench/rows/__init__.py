"""What is measured: each module has `KEYS` and `rows(wanted)`."""

from types import ModuleType

from bench.rows import agents, browser, idle, pages, queueing, schedules

MODULES: tuple[ModuleType, ...] = (queueing, pages, browser, schedules, agents, idle)
