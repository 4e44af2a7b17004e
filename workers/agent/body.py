"""Python that runs as a task, in a forked child: its environment, its streams, and its word on what went wrong."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Callable

Body = Callable[[Callable[..., None]], int]


def reporting(body: Body, env: Mapping[str, str], fd: int) -> Callable[[], int]:
    def report(reason: str, error: str, traceback: str | None = None) -> None:
        told = {"reason": reason, "error": error[:4000], "traceback": traceback and traceback[-16000:]}
        with os.fdopen(fd, "w") as pipe:
            json.dump(told, pipe)

    def run() -> int:
        os.environ.clear()
        os.environ.update(env)
        own_streams()
        try:
            return body(report)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    return run


def own_streams() -> None:
    """New ones for descriptors 1 and 2: those of this process may believe in a file that is a pipe in a child.

    A process that forks many children does it once for all of them.
    """
    if not isinstance(sys.stdout, _Stream):
        sys.stdout, sys.stderr = _Stream(1), _Stream(2)


class _Stream(io.TextIOWrapper):
    def __init__(self, fd: int):
        super().__init__(io.FileIO(fd, "w", closefd=False), "utf-8", "backslashreplace", line_buffering=True)
