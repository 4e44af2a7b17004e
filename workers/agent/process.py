"""Start a child process in a clean room, and end a whole tree of them.

Everything here is for a *supervisor*: a single-threaded process that looks after one child (fork and
threads do not mix). On Linux it is a child subreaper, so whatever its child leaves behind, by setsid or
by forking twice, comes back to it and can be found. Elsewhere (macOS) process groups have to do.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import resource
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, NamedTuple

from workers.agent import tree
from workers.agent.prctl import adopt_orphans, die_with_parent, no_new_privileges

LINUX = sys.platform.startswith("linux")


class LaunchError(Exception):
    """The child never ran. `reason` is `spawn_failed` or `run_as_failed`, the text is for people."""

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    memory: int | None = None  # bytes of address space of each process
    processes: int | None = None  # of this user, as the kernel counts them
    files: int | None = None  # open descriptors


class Ended(NamedTuple):
    code: int  # negative: the signal
    max_rss: int  # bytes, of the process and of those that it waited for


_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_CAUGHT = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)


class _User(NamedTuple):
    uid: int
    gid: int
    groups: Sequence[int]


def launch(
    argv: Sequence[str],
    cwd: str | os.PathLike,
    env: Mapping[str, str],
    stdout_fd: int,
    stderr_fd: int,
    stdin_fd: int | None = None,
    limits: Limits = Limits(),
    run_as: str | None = None,
    *,
    executable: int | None = None,
    umask: int = 0o077,
    new_privileges: bool = False,
) -> int:
    """Run a program and return its pid; raises LaunchError when it could not be started.

    `executable` is an open descriptor of the file to run: what was verified is then what runs.
    """
    keep = () if executable is None else (executable,)

    def body() -> int:
        if executable is not None:
            os.set_inheritable(executable, True)  # a script is opened once more, by its interpreter
        execute(argv, env, executable)
        return 127

    return fork(
        body, cwd, stdout_fd, stderr_fd, stdin_fd, limits, run_as,
        keep=keep, umask=umask, new_privileges=new_privileges, executes=True,
    )  # fmt: skip


def fork(
    body: Callable[[], int],
    cwd: str | os.PathLike,
    stdout_fd: int,
    stderr_fd: int,
    stdin_fd: int | None = None,
    limits: Limits = Limits(),
    run_as: str | None = None,
    *,
    keep: Sequence[int] = (),
    umask: int = 0o077,
    new_privileges: bool = False,
    executes: bool = False,
) -> int:
    """Fork a child that is set up as for `launch` and then exits with what `body()` returns.

    `keep` are further descriptors that stay open. With `executes`, body replaces the process, and its
    failure to do so is reported as LaunchError too.
    """
    user = _user(run_as)
    parent = os.getpid()
    told, tell = os.pipe()  # closes at exec, or when the body starts: then nothing was wrong
    pid = os.fork()
    if pid == 0:  # nothing may return from here into the supervisor's frames
        try:
            tell = _move_up(tell)
            _streams(stdin_fd, stdout_fd, stderr_fd, (tell, *keep))
            _prepare(parent, cwd, limits, user, umask, new_privileges, executes)
            if not executes:
                os.close(tell)
            os._exit(body() & 0xFF)
        except LaunchError as error:
            os.write(tell, f"{error.reason}\0{error}".encode())
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(127)
    os.close(tell)
    with os.fdopen(told, "rb") as pipe:
        trouble = pipe.read()
    if not trouble:
        return pid
    os.waitpid(pid, 0)
    reason, _, text = trouble.decode(errors="replace").partition("\0")
    raise LaunchError(reason, text)


def _user(name: str | None) -> _User | None:
    """Looked up before the fork: the directory service may need threads, sockets and time."""
    if not name:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise LaunchError("run_as_failed", f"there is no user {name} on this host") from None
    if entry.pw_uid == os.geteuid() == os.getuid():
        return None
    if os.geteuid() != 0:
        raise LaunchError("run_as_failed", f"only root can run a task as another user ({name})")
    return _User(entry.pw_uid, entry.pw_gid, os.getgrouplist(name, entry.pw_gid))


def _move_up(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)


def _streams(stdin: int | None, stdout: int, stderr: int, keep: Sequence[int]) -> None:
    source = os.open(os.devnull, os.O_RDONLY) if stdin is None else stdin
    # First out of the way of 0, 1 and 2, so that no dup2 overwrites what the next one needs.
    for target, fd in enumerate([_move_up(source), _move_up(stdout), _move_up(stderr)]):
        os.dup2(fd, target)
    for fd in [int(name) for name in os.listdir("/dev/fd")]:
        if fd > 2 and fd not in keep:
            try:
                os.close(fd)
            except OSError:
                pass  # the descriptor that listdir itself had open


def _prepare(
    parent: int,
    cwd: str | os.PathLike,
    limits: Limits,
    user: _User | None,
    umask: int,
    new_privileges: bool,
    executes: bool,
) -> None:
    os.setsid()
    _default_signals(executes)
    os.umask(umask)
    _limit(limits)
    if user is not None:
        try:
            os.setgroups(user.groups)
            os.setgid(user.gid)
            os.setuid(user.uid)
        except OSError as error:
            raise LaunchError("run_as_failed", f"could not change user: {error.strerror}") from error
    if not new_privileges:
        no_new_privileges()
    die_with_parent(signal.SIGKILL, parent)  # after setuid, which clears it
    try:
        os.chdir(cwd)
    except OSError as error:
        raise LaunchError("spawn_failed", f"{cwd}: {error.strerror}") from error


def _default_signals(executes: bool) -> None:
    """A program inherits what is ignored (by Python, or by nohup), a function what a supervisor has caught.

    A function in Python keeps SIGPIPE ignored, as Python expects: it would die by any closed connection.
    """
    signal.set_wakeup_fd(-1)
    for number in _IGNORED if executes else _CAUGHT:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _limit(limits: Limits) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_NOFILE: limits.files,
    }
    for which, value in wanted.items():
        if value is None:
            continue
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(which, (value, value))
        except (OSError, ValueError) as error:
            if LINUX:  # macOS has no working RLIMIT_AS
                raise LaunchError("spawn_failed", f"could not set a limit: {error}") from error


def execute(argv: Sequence[str], env: Mapping[str, str], executable: int | None = None) -> None:
    """Become a program, in a child of `fork`; raises LaunchError.

    Not os.execvpe, which imports lazily: that fails once another user's rights apply.
    """
    name, args, env = argv[0], list(argv), dict(env)
    try:
        if executable is not None:
            os.execve(executable, args, env)
        if "/" in name:
            os.execve(name, args, env)
        denied = None
        for folder in env.get("PATH", os.defpath).split(":"):
            try:
                os.execve(os.path.join(folder or ".", name), args, env)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                denied = error
        raise denied or FileNotFoundError(2, os.strerror(2))
    except OSError as error:
        raise LaunchError("spawn_failed", f"{name}: {error.strerror}") from error


def reap(ended: dict[int, Ended]) -> bool:
    """Collect the children that have ended; False when no child is left."""
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        ended[pid] = Ended(os.waitstatus_to_exitcode(status), usage.ru_maxrss * (1024 if LINUX else 1))


def kill_tree(
    root: int,
    grace: float = 10.0,
    *,
    idle: Callable[[float], object] = time.sleep,
    ended: dict[int, Ended] | None = None,
    patience: float = 5.0,
) -> int:
    """TERM, up to `grace` seconds, then KILL, for root and all below it; returns how many are left.

    When root is this process itself: everything below it, and all its children are reaped (into
    `ended`). `idle(seconds)` is called while waiting, so a supervisor can go on reading
    output. `patience` is how long to wait for killed processes to go: some hang in the kernel.
    """
    own = root == os.getpid()
    exact = own and adopt_orphans()
    ended = {} if ended is None else ended
    if exact and not reap(ended):  # the usual case, told apart without a look at every process
        return 0
    hunt = tree.Hunt(root)

    def gone() -> bool:
        if exact:  # a subreaper without children has no descendants: certain, and cheap to ask
            return not reap(ended)
        if own:
            reap(ended)
        return hunt.over()

    if grace > 0 and not gone():
        hunt.signal(signal.SIGTERM)
        _wait(gone, grace, idle)
    end = time.monotonic() + patience
    while not gone():
        if time.monotonic() > end:
            return hunt.count()
        hunt.kill()
        _wait(gone, min(0.2, patience), idle)
    return 0


def _wait(gone: Callable[[], bool], seconds: float, idle: Callable[[float], object]) -> None:
    end, pause = time.monotonic() + seconds, 0.002
    while not gone() and time.monotonic() < end:
        idle(pause)
        pause = min(pause * 1.5, 0.05)
