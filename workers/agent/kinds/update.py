"""Replace the agent's program by a newer signed one. Runners go on meanwhile; the new program reports the end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Optional

from .. import code, download, payload, protocol
from ..disk import read_json, write_json
from ..record import ExitRecord
from ..signed import Refused

if TYPE_CHECKING:
    from ..loop import Agent
    from ..work import Work

NAME = "muster-agent"


def run(work: "Work") -> Optional[ExitRecord]:
    task = work.task
    with fetched(work.host, task.manifest, task.download, task.organization, work.folder.path) as (new, version):
        work.permit()
        write_json(work.folder.file("update.json"), {"from": protocol.VERSION, "to": version})
        swap(new)
    work.host.restart()
    return None


def resumed(work: "Work") -> ExitRecord:
    """The agent was restarted: is this the version that was asked for?"""
    known = read_json(work.folder.file("update.json")) or {}
    if known.get("to") == protocol.VERSION:
        return ExitRecord(0)
    text = f"The update did not take place; version {protocol.VERSION} runs."
    return ExitRecord(protocol.NEVER_STARTED, reason="update_failed", error=text)


@contextmanager
def fetched(
    host: "Agent", signed: Optional[dict[str, Any]], place: Optional[str], organization: str, folder: str
) -> Iterator[tuple[payload.Payload, str]]:
    """The new program, verified and open, and the version it says it is."""
    if code.packed_program() is None:
        raise Refused("update_failed", "This agent does not run from a .pyz; update it the way it was installed.")
    manifest = download.check(host, signed, "update_agent", NAME, organization)
    if not place:
        raise Refused("download_failed", "The server named no place to fetch the program from.")
    path = payload.save(download.fetched(host.client, place, lambda: None), manifest, folder)
    with payload.opened(path, manifest, host.trust, download.judged_at(host)) as opened:
        yield opened, _tried(path)


def swap(new: payload.Payload) -> None:
    """Whole or not at all: whoever starts the program meanwhile gets the old one or the new one."""
    program = code.packed_program() or ""
    try:
        with open(new.start().argv[0], "rb") as source, open(program + ".new", "wb") as copy:
            copy.write(source.read())
            copy.flush()
            os.fsync(copy.fileno())
            os.fchmod(copy.fileno(), os.stat(program).st_mode & 0o777)
        os.replace(program + ".new", program)
    except OSError as error:
        raise Refused("update_failed", f"The program could not be replaced: {error}.") from error


def _tried(path: str) -> str:
    """A program that cannot even say its version on this host's Python does not get the agent's place."""
    try:
        answer = subprocess.run([sys.executable, "-I", path, "version"], capture_output=True, timeout=30, check=False)
    except subprocess.SubprocessError as error:
        raise Refused("update_failed", f"The new program does not run here: {error}.") from error
    if answer.returncode != 0:
        said = answer.stderr.decode(errors="replace")[-500:]
        raise Refused("update_failed", f"The new program does not run here: {said}")
    return answer.stdout.decode().strip()
