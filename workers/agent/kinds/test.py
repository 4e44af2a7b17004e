"""A signed program from the library: fetched, verified, and started as the very file that was verified."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .. import download
from ..job import Program, texts

if TYPE_CHECKING:
    from ..work import Work


@contextmanager
def prepared(work: "Work") -> Iterator[Program]:
    arguments = texts(work.task.data.get("arguments") or [], "arguments")
    with download.payload(work, str(work.task.data.get("test"))) as payload:
        start = payload.start(arguments)
        number = start.pass_fds[0] if start.pass_fds else None
        yield Program(start.argv, number, pass_fds=start.pass_fds, recheck=payload.require_intact)
