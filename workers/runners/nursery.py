"""The warm parent process: it imports the plugins once and then forks a shim for each task.

Forking needs a process with a single thread, and a plugin must not find the server's secrets in the
memory it inherits. So this one is started with a clean environment, imports only what plugins need, and
never sees a task's data: all that arrives here is a socket, which the shim reads itself.
"""

import gc
import importlib
import os
import select
import signal
import socket
import traceback

from workers.agent import process, tree
from workers.agent.body import own_streams
from workers.agent.prctl import adopt_orphans, die_with_parent
from workers.runners import shim


def main(config: dict) -> None:
    die_with_parent(signal.SIGKILL, config["parent"])
    adopt_orphans()
    for name in config["preload"]:
        _preload(name)
    own_streams()
    gc.collect()
    gc.freeze()  # a collection in a child would touch, and so copy, every inherited page
    Nursery(socket.socket(fileno=config["channel"])).serve()


def _preload(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception:  # one broken plugin fails its own tasks, where it says so; the others run
        traceback.print_exc()


class Nursery:
    def __init__(self, channel: socket.socket):
        self.channel = channel
        self.shims: set[int] = set()
        self.ended: dict[int, process.Ended] = {}
        self.parent = os.getpid()

    def serve(self) -> None:
        """Until the worker closes the channel; then every task is stopped."""
        awake, wake = socket.socketpair()
        for side in (awake, wake):
            side.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        while True:
            ready, _, _ = select.select([self.channel, awake], [], [])
            if awake in ready:
                awake.recv(4096)
                self._bury()
            if self.channel in ready and not self._welcome():
                return self._stop()

    def _welcome(self) -> bool:
        _, sockets, _, _ = socket.recv_fds(self.channel, 16, 1)
        if not sockets:
            return False
        with socket.socket(fileno=sockets[0]) as task:
            pid = os.fork()
            if pid == 0:
                self._become_shim(task)
            self.shims.add(pid)
        return True

    def _become_shim(self, task: socket.socket) -> None:
        try:
            self.channel.close()
            shim.serve(task, self.parent)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)

    def _bury(self) -> None:
        process.reap(self.ended)
        strange = any(end.code or pid not in self.shims for pid, end in self.ended.items())
        self.shims -= self.ended.keys()
        self.ended.clear()
        if strange:
            self._kill_strays()

    def _kill_strays(self) -> None:
        """What a killed shim leaves behind becomes our child, level by level as each parent dies."""
        for pid in tree.children(os.getpid()) - self.shims:
            process.kill_tree(pid, 0, patience=1)

    def _stop(self) -> None:
        for pid in self.shims:
            os.kill(pid, signal.SIGTERM)
        while process.reap(self.ended):
            signal.sigtimedwait({signal.SIGCHLD}, 0.05)
