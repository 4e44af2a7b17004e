"""One task's way through this agent, in a thread of its own: check, fetch, ask for the permit, run, follow, report."""

import dataclasses
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Optional

from . import attach, job, protocol, report, stream, verify
from .attach import Runner
from .client import Backoff, Final, NotAllowed, Transient, Trouble
from .folder import TaskFolder
from .job import Program
from .kinds import KINDS
from .record import ExitRecord
from .signed import Refused
from .spool import Entry

if TYPE_CHECKING:
    from .loop import Agent

_SHIM_PATIENCE_S = protocol.KILL_GRACE_S + 15  # beyond what the runner itself needs to stop a task


# What a task that was dropped has to say where it did not come to an end by itself before it could be stopped.
_NO_NEWS = (protocol.NEVER_STARTED, protocol.CANCELLED, protocol.OUTCOME_UNKNOWN)


class Withdrawn(Exception):
    """It is not to be run here, and nothing has run: there is nothing to report."""

    def __init__(self, why: str, give_back: bool = False) -> None:
        super().__init__(why)
        self.give_back = give_back


class Work:
    def __init__(
        self, host: "Agent", folder: TaskFolder, lease_until: float, claimed: Optional[dict[str, Any]] = None
    ) -> None:
        self.host, self.folder, self.task = host, folder, folder.task
        self.claimed = claimed  # the message itself; None after a restart
        self.lease_until = lease_until
        self.state = "assigned" if claimed else "executing"
        self.runner: Optional[Runner] = None
        self.output = stream.Output(host.client, folder, known=claimed is not None)
        self.dropped = False
        self.cancelled_at: Optional[float] = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"task {self.task.task_id[:8]}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    @property
    def task_id(self) -> str:
        return self.task.task_id

    def cancel(self) -> None:
        """Stop it, whatever it is doing; may be called again and again."""
        with self._lock:
            if self.cancelled_at is None:
                self.cancelled_at = time.monotonic()
                attach.cancel(self.folder)

    def drop(self) -> None:
        """The lease is void: stop it and say nothing. One that has ended already is news, if late."""
        if self.state != "reporting":
            self.dropped = True
            self.cancel()

    def require_wanted(self) -> None:
        """Asked now and then, before the start."""
        if self.cancelled_at is not None:
            raise Withdrawn("cancelled before the start")
        if self.host.stopping.is_set() and not self.folder.has("permit"):
            raise Withdrawn("given back, the agent is stopping", give_back=True)

    def tell_downloading(self) -> None:
        self._status("downloading")

    # --- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        give_back = False
        try:
            self._begin() if self.claimed else self._resume()
        except Withdrawn as why:
            self.host.say(f"task {self.task_id}: {why}")
            self.folder.remove()
            give_back = why.give_back
        except NotAllowed as trouble:
            self.host.revoked(trouble)
        except Exception:
            self._broke(traceback.format_exc())
        finally:
            self.host.done(self)
        if give_back:  # last: it may come back in the next moment
            self._give_back()

    def _broke(self, trace: str) -> None:
        """A fault of ours. What has not started ends here; to what runs the agent behaves as after a restart."""
        self.host.say(trace)
        if self.runner is None:
            error = "The agent failed; nothing ran."
            self._end(ExitRecord(protocol.NEVER_STARTED, reason="internal_error", error=error, traceback=trace))
        elif not self.host.leaving.wait(5):
            self.host.hold(Work(self.host, self.folder, self.lease_until))

    def _begin(self) -> None:
        try:
            self._require_allowed()
            kind = KINDS[self.task.type]
            if hasattr(kind, "prepared"):
                with kind.prepared(self) as program:
                    self._execute(program)
                self._follow()
            else:
                self._end(kind.run(self))
        except Refused as error:
            self._end(ExitRecord(protocol.NEVER_STARTED, reason=error.code, error=error.text))

    def _resume(self) -> None:
        """After a restart of the agent: whatever the folder says has happened meanwhile."""
        if self.folder.copied and self.folder.record is None:
            raise Withdrawn("not here: this work dir is a copy, and the agent of the other one has it")
        if not self.folder.has("permit"):
            raise Withdrawn("given back, the agent was restarted before the start", give_back=True)
        resumed = getattr(KINDS.get(self.task.type), "resumed", None)
        if self.folder.record is None and resumed is not None:
            self._end(resumed(self))
            return
        self.runner = Runner.find(self.folder)
        if self.folder.has("cancel"):
            self.cancel()
        self._follow()

    def _require_allowed(self) -> None:
        host, claimed = self.host, self.claimed or {}
        signed, command = claimed.get("command_signature"), protocol.command_of(claimed)
        agent_id, now = host.identity.agent_id, host.clock.now()
        verify.check_command(signed, command, self.task_id, self.task.lease_seq, agent_id, host.trust, now)
        host.policy.require(self.task)
        if host.work.was_started(self.task_id):
            raise Refused("policy_refused", "This task was started on this host before.")

    def _execute(self, program: Program) -> None:
        """The runner gets ready while the server is asked."""
        orders = {"job": job.orders(self.folder, program), "secrets": (self.claimed or {}).get("secrets", {})}
        runner = Runner.start(self.folder, program.pass_fds)
        try:
            self.permit()
            program.recheck()
        except BaseException:
            runner.release()
            runner.close()
            raise
        with self._lock:
            self.runner = runner
            runner.go({**orders, "lease_until": self.lease_until})

    def permit(self) -> None:
        """Ask until there is an answer or the lease has ended. From the answer on the server counts it as running."""
        self.require_wanted()
        self.folder.mark("permit")
        backoff = Backoff(first=0.2, longest=5)
        while True:
            self.require_wanted()
            try:
                self.host.client.call("POST", self._path("start"), self._lease)
                self.host.work.remember_started(self.task_id)
                self.state = "executing"
                return
            except Final as error:
                raise Withdrawn(f"not started: {error}", error.code == protocol.Code.FROZEN) from error
            except Transient as error:
                pause = backoff.failed(error.retry_after)
            if time.monotonic() + pause > self.lease_until:
                raise Refused("network_error", "The server did not permit the start in time; nothing ran.")
            if self.host.stopping.wait(pause):
                raise Refused("agent_offline", "The agent was stopped before the start; nothing ran.")

    def _follow(self) -> None:
        """Send what comes until the runner has ended, then report. Returns early when the agent is leaving."""
        backoff, quiet_until = Backoff(), 0.0
        while self.runner is not None and not self.runner.ended(self.host.log_interval_s):
            if self.host.leaving.is_set():
                return
            if self.host.killing.is_set():
                self.runner.stop()
            if time.monotonic() >= quiet_until:
                try:
                    self._send()
                    backoff.worked()
                except Trouble as error:
                    quiet_until = time.monotonic() + backoff.failed(error.retry_after)
            self._see_to_a_stuck_runner()
        self._finish()

    def _send(self) -> None:
        if self.output.refused:
            return
        try:
            self.output.send_new()
        except (Final, stream.Conflict) as error:
            self.host.event("log_refused", f"task {self.task_id}: {error}")
            self.output.refused = True
        except NotAllowed as error:
            self.host.revoked(error)
            raise
        if self.output.cancelled:
            self.cancel()

    def _see_to_a_stuck_runner(self) -> None:
        """A runner that was itself stopped (SIGSTOP, a debugger) heeds neither its deadline nor a cancel."""
        if self.cancelled_at is not None and time.monotonic() - self.cancelled_at > _SHIM_PATIENCE_S:
            self._kill_runner(protocol.CANCELLED, "cancelled")
        elif self.folder.running_s > self.task.options.execution_timeout + _SHIM_PATIENCE_S:
            self._kill_runner(protocol.TIMED_OUT, "timeout")

    def _kill_runner(self, exit_code: int, reason: str) -> None:
        escaped = self.runner.kill()  # type: ignore[union-attr]
        escaped += attach.kill_strays(self.task_id)  # it may have died just now by another hand, and left them
        text = "The runner did not answer and was killed."
        self.folder.keep_record(ExitRecord(exit_code, reason=reason, error=text, escaped=escaped))

    def _finish(self) -> None:
        if self.runner is not None:
            self.runner.close()
        ended = self.folder.record
        if ended is None:
            escaped = attach.kill_strays(self.task_id) if self.folder.same_boot else 0
            ended = dataclasses.replace(report.lost(self.folder), escaped=escaped)
        self._end(ended)

    def _end(self, ended: Optional[ExitRecord]) -> None:
        """From here on the spool has it. None: the end is not known yet, it will be after a restart of the agent."""
        if ended is None:
            return
        if self.dropped and ended.exit_code in _NO_NEWS:
            self.folder.remove()
            return
        self.folder.keep_record(ended)
        self.state = "reporting"
        self._send_rest(ended)
        self.host.delivery.outputs[self.task_id] = self.output
        self._spool(report.last_word(self.folder, ended, self.output.left_out))

    def _spool(self, entry: Entry) -> None:
        """A full disk delays the last word; it is in the folder, so even the agent's own end does not lose it."""
        while True:
            try:
                self.host.spool.put(entry)
                return
            except OSError as error:
                self.host.condition("disk", f"a result cannot be stored: {error}")
            if self.host.leaving.wait(5):
                return

    def _send_rest(self, ended: ExitRecord) -> None:
        """While other tasks go on: in the queue this would hold up their results."""
        if ended.exit_code == protocol.NEVER_STARTED or self.host.leaving.is_set():
            return
        try:
            if self.output.far_behind:
                self._status("reporting", ended.exit_code)
            report.send_rest(self.output)
        except Trouble:
            pass  # the spool tries again

    def _status(self, state: str, exit_code: Optional[int] = None) -> None:
        """News that the server can do without."""
        self.state = state
        message = protocol.StatusRequest(self.task.lease_seq, self.task.token, state, exit_code)
        try:
            self.host.client.call("POST", self._path("status"), message)
        except (Transient, Final):
            pass

    def _give_back(self) -> None:
        """If this does not arrive, the lease ends by itself."""
        try:
            self.host.client.call("POST", self._path("give_back"), self._lease)
        except (Transient, Final, NotAllowed):
            pass

    def _path(self, verb: str) -> str:
        return protocol.task_path(self.task_id, verb)

    @property
    def _lease(self) -> protocol.LeaseRequest:
        return protocol.LeaseRequest(self.task.lease_seq, self.task.token)
