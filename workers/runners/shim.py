"""The process that looks after one task of a worker: reads its work, supervises it, says how it ended.

It speaks JSON lines over a socket of its own, the worker's handle: first a work order comes in, then
`{"started": pid}` goes out, then the only order is `cancel`, and at last `{"ended": <exit record>}` goes
out. When the worker dies the socket ends, and when the warm parent dies SIGTERM comes: either way the
task's whole tree is killed, for the worker's lease will end and nobody may find it still running.
"""

import importlib
import json
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from workers.agent import process
from workers.agent.record import LOST, ExitRecord
from workers.agent.supervise import Job, Supervisor


def serve(channel: socket.socket, parent: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    process.die_with_parent(signal.SIGTERM, parent)
    line = _read_line(channel)
    if not line:
        return  # the worker is gone, and nothing has begun
    _tell(channel, {"started": os.getpid()})
    try:
        record = Supervisor(_job(json.loads(line)), channel.fileno()).run()
    except OSError as error:  # no room for output or record, say
        record = ExitRecord(LOST, reason="internal_error", error=str(error), traceback=traceback.format_exc())
    _tell(channel, {"ended": record.as_dict()})


def _read_line(channel: socket.socket) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n"):
        piece = channel.recv(65536)
        if not piece:
            return b""
        data += piece
    return bytes(data)


def _tell(channel: socket.socket, message: dict) -> None:
    try:
        channel.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        pass  # the record is on disk


def _job(work: dict) -> Job:
    folder, output = Path(work["dir"]), Path(work["output_dir"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Job(
        output=output,
        record=output / "exit.json",
        cwd=Path(work["cwd"] or folder),
        argv=work["argv"] or (),
        body=_calling(work["entry"], work["call"], folder) if work["entry"] else None,
        env=work["env"],
        timeout=work["timeout"],
        grace=work["grace"],
        memory=work["memory_bytes"],
        max_output=work["max_output"],
        run_as=work["run_as"],
    )


def _calling(entry: str, call: dict, folder: Path) -> Callable[[Callable[..., None]], int]:
    """Call `module:function` with (call, folder); what it returns is the exit code, None is 0."""

    def body(report: Callable[..., None]) -> int:
        try:
            module, name = entry.split(":")
            code = getattr(importlib.import_module(module), name)(call, folder)
            _join_threads()
            return code or 0
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except MemoryError:
            report("memory_limit", "needed more memory than the task may use", traceback.format_exc())
        except BaseException as error:
            report("plugin_error", f"{type(error).__name__}: {error}", traceback.format_exc())
        return 1

    return body


def _join_threads() -> None:
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
