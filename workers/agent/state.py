"""What the agent keeps in its work dir: who it is, whom it trusts, which tasks it holds. Folders 0700, files 0600.

agent.json   server, agent id, credential         trust.json     pinned signing keys, withdrawn files
install_id   made once, survives re-enrolment     versions.json  newest signed version seen, by name
policy.json  the host's own rules, by its admin   started        ids of tasks that were ever started here
processes.json  the last ones that held the lock, and where
queue/ rejected/ (spool.py)   tasks/ (folder.py)   plugins/   code/   update/
"""

import fcntl
import os
import secrets
import stat
from dataclasses import asdict, dataclass, fields
from typing import Optional

from . import tree, trust
from .disk import place, read_json, write_json, write_private
from .verify import Versions

STARTED_KEPT = 5000
PROCESSES_KEPT = 5


class NotEnrolled(Exception):
    pass


@dataclass
class Identity:
    server: str
    agent_id: str
    credential: str
    organization: str = ""
    ca_file: Optional[str] = None
    insecure_loopback: bool = False


class WorkDir:
    def __init__(self, path: str) -> None:
        self.root = os.path.abspath(path)
        self.versions = Versions(self.path("versions.json"))

    def prepare(self) -> None:
        for name in ("", "queue", "rejected", "tasks", "code"):
            os.makedirs(self.path(name), mode=0o700, exist_ok=True)
            os.chmod(self.path(name), 0o700)
        state = os.stat(self.root)
        if state.st_uid != os.geteuid():
            raise PermissionError(f"{self.root} belongs to another user")

    def path(self, *names: str) -> str:
        return os.path.join(self.root, *names)

    def lock(self) -> Optional[int]:
        """Held as long as this process lives; None when another agent holds it."""
        number = os.open(self.path("agent.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(number)
            return None
        os.truncate(number, 0)
        os.write(number, b"%d\n" % os.getpid())
        return number

    def locked_by(self) -> Optional[int]:
        try:
            with open(self.path("agent.lock"), "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except FileNotFoundError:
            return None
        except OSError:
            with open(self.path("agent.lock"), "rb") as file:
                return int(file.read() or 0) or None

    def succeed(self, instance_id: str) -> list[str]:
        """This process, which has the lock, is the agent's newest. Answers with those before it, which are gone; none
        where this folder is a copy or the host was started anew: then they may live on in another place."""
        here = {"boot_id": tree.boot_id(), "place": place(self.root)}
        known = read_json(self.path("processes.json")) or {}
        before = known["ids"] if known and known["here"] == here else []
        try:
            write_json(self.path("processes.json"), {"here": here, "ids": [instance_id, *before][:PROCESSES_KEPT]})
        except OSError:  # a full disk; the next one will not be sure
            pass
        return before

    def install_id(self) -> str:
        try:
            with open(self.path("install_id")) as file:
                return file.read().strip()
        except FileNotFoundError:
            made = secrets.token_hex(16)
            write_private(self.path("install_id"), made.encode() + b"\n")
            return made

    def load_identity(self) -> Identity:
        known = read_json(self.path("agent.json"))
        if known is None:
            raise NotEnrolled(f"{self.root} holds no enrolled agent")
        names = {field.name for field in fields(Identity)}
        return Identity(**{name: value for name, value in known.items() if name in names})

    def save_identity(self, identity: Identity) -> None:
        write_json(self.path("agent.json"), asdict(identity))

    def load_trust(self) -> trust.Trust:
        return trust.load(self.path("trust.json"))

    def save_trust(self, known: trust.Trust) -> None:
        trust.save(known, self.path("trust.json"))

    def was_started(self, task_id: str) -> bool:
        try:
            with open(self.path("started")) as file:
                return any(line.rstrip() == task_id for line in file)
        except FileNotFoundError:
            return False

    def remember_started(self, task_id: str) -> None:
        """A task is started once, whatever the server says later."""
        number = os.open(self.path("started"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(number, task_id.encode() + b"\n")
        finally:
            os.close(number)

    def forget_old_starts(self) -> None:
        try:
            with open(self.path("started"), "rb") as file:
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return
        if len(lines) > STARTED_KEPT:
            write_private(self.path("started"), b"".join(lines[-STARTED_KEPT // 2 :]))


def others_may_write(path: str) -> bool:
    state = os.stat(path)
    return bool(state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)) or state.st_uid not in (0, os.geteuid())
