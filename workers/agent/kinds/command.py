"""A shell command, or an argv that no shell touches."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..job import Program, texts
from ..signed import Refused

if TYPE_CHECKING:
    from ..work import Work


@contextmanager
def prepared(work: "Work") -> Iterator[Program]:
    yield Program(argv=_argv(work.task.data))


def _argv(data: dict[str, Any]) -> list[str]:
    if isinstance(data.get("command"), str):
        return ["/bin/sh", "-c", data["command"]]
    argv = texts(data.get("argv"), "argv")
    if not argv:
        raise Refused("invalid_input", "There is no command.")
    return argv
