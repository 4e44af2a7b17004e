"""The process that looks after one task of a worker at a time, and says how it ended.

It speaks over a socket of its own, JSON lines: an order comes in, `{"started": pid}` goes out, then the
only message in is `cancel`, and at last `{"ended": <exit record>}` goes out and the next order may come.
With the order comes a descriptor whose content (call, arguments, environment) the child reads itself: a
task's secrets are never in the memory that the next task inherits. A shim that has to know them, because it
masks them in the output, serves no other task.

When the worker dies the socket ends, and when the warm parent dies SIGTERM comes: either way the task's
whole tree is killed, for the worker's lease will end and nobody may find it still running.
"""

import importlib
import json
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from workers.agent import process
from workers.agent.capture import NAMES
from workers.agent.mask import files_in, masked, of_streams
from workers.agent.prctl import die_with_parent
from workers.agent.record import LOST, NEVER_STARTED, ExitRecord
from workers.agent.supervise import Job, Supervisor

_IDLE_SECONDS = 60  # then a shim that nobody needs goes


def serve(channel: socket.socket, parent: int) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    die_with_parent(signal.SIGTERM, parent)
    while os.getppid() == parent and (received := _receive(channel)) is not None:
        order, content = received
        if not _tell(channel, {"started": os.getpid()}):
            return  # nobody waits for it any more: it must not begin
        record = _run(order, content, channel)
        os.close(content)
        _tell(channel, {"ended": record.as_dict()})
        if order["masks"] or record.escaped or record.exit_code == LOST:
            return  # what could not be killed must not count as the next task's; and the lost need no shim


def _receive(channel: socket.socket) -> tuple[dict, int] | None:
    """The next order; None when the worker has gone, or has no use for us."""
    data = bytearray()
    descriptors: list[int] = []
    channel.settimeout(_IDLE_SECONDS)
    while not (descriptors and data.endswith(b"\n")):
        try:
            piece, passed, _, _ = socket.recv_fds(channel, 65536, 1)
        except OSError:
            return None
        if not piece:
            return None
        data += piece
        descriptors += passed
    channel.settimeout(None)
    # A cancellation that crossed with the end of the task before may precede the order.
    return json.loads(data.splitlines()[-1]), descriptors[0]


def _run(order: dict, content: int, channel: socket.socket) -> ExitRecord:
    try:
        job = _job(order, content)
    except OSError as error:
        return ExitRecord(NEVER_STARTED, reason="spawn_failed", error=f"no place to work in: {error}")
    return Supervisor(job, channel.fileno()).run()


def _tell(channel: socket.socket, message: dict) -> bool:
    try:
        channel.sendall(json.dumps(message).encode() + b"\n")
        return True
    except OSError:
        return False  # the worker is gone; the record is on disk


def _job(order: dict, content: int) -> Job:
    folder, output = Path(order["dir"]), Path(order["output_dir"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = _content(os.dup(content))["secrets"] if order["masks"] else []
    return Job(
        output=output,
        record=output / "exit.json",
        cwd=Path(order["cwd"] or folder),
        body=_execution(content) if order["executes"] else _call(content, folder),
        executes=order["executes"],
        keep=(content,),
        timeout=order["timeout"],
        grace=order["grace"],
        memory=order["memory_bytes"],
        max_output=order["max_output"],
        run_as=order["run_as"],
        durable=False,  # after a power cut nobody asks: what the database was not told by then has an unknown outcome
        mask=of_streams(secrets, NAMES) if secrets else None,
        tidy=partial(files_in, str(folder / "out"), secrets) if secrets else None,
    )


def _content(fd: int) -> dict:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return json.load(file)


def _execution(content: int) -> Callable[[Callable[..., None]], int]:
    def body(report: Callable[..., None]) -> int:
        wanted = _content(content)
        process.execute(wanted["argv"], wanted["env"])
        return 127

    return body


def _call(content: int, folder: Path) -> Callable[[Callable[..., None]], int]:
    """Call `module:function` with (call, folder); what it returns is the exit code, None is 0."""

    def body(report: Callable[..., None]) -> int:
        wanted = _content(content)
        os.environ.update(wanted["env"])
        try:
            return _outcome(wanted["entry"], wanted["call"], folder)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except MemoryError as error:
            report("memory_limit", "needed more memory than the task may use", _trace(error, wanted["secrets"]))
        except BaseException as error:
            text = masked(f"{type(error).__name__}: {error}", wanted["secrets"])
            report("plugin_error", text, _trace(error, wanted["secrets"]))
        return 1

    return body


def _outcome(entry: str, call: dict, folder: Path) -> int:
    module, name = entry.split(":")
    code = getattr(importlib.import_module(module), name)(call, folder)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    return code or 0


def _trace(error: BaseException, secrets: list[str]) -> str:
    """Without our own two frames."""
    seen = error.__traceback__
    for _ in range(2):
        seen = seen.tb_next if seen and seen.tb_next else seen
    return masked("".join(traceback.format_exception(error.with_traceback(seen))), secrets)
