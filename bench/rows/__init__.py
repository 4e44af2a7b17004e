"""What is measured: each module has `KEYS` and `rows(wanted)`."""

from types import ModuleType

from bench.rows import idle, pages, queueing

MODULES: tuple[ModuleType, ...] = (queueing, pages, idle)
