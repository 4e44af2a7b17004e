"""A part must not outlive what started it, however that ended, and is told apart from its siblings."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
LOOK_SECONDS = 0.5


def bound(parent: int) -> Callable[[], None]:
    """A preexec_fn: on Linux the kernel tells the child to stop when its parent has died."""
    prctl = _prctl()  # looked up before the fork: after it, only plain system calls are safe

    def bind() -> None:
        if prctl is None:
            return
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return bind


def follow(parent: int) -> None:
    """For a child that is already running: stop by SIGTERM when `parent` is no longer the parent."""
    prctl = _prctl()
    if prctl is None:
        threading.Thread(target=_look, args=(parent,), name="parent", daemon=True).start()
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def show_as(name: str) -> None:
    """What `ps` and `top` call this process; a fork would bear its parent's name."""
    if prctl := _prctl():
        prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def _look(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _prctl() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl: Callable[..., int] = ctypes.CDLL(None).prctl
    return prctl
