"""Fetch what a task needs and let nothing unverified near a process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Optional

from . import payload as payloads
from . import protocol, verify
from .client import Backoff, Client, Final, Transient
from .signed import Refused

if TYPE_CHECKING:
    from .loop import Agent
    from .work import Work


@contextmanager
def payload(work: "Work", name: str) -> Iterator[payloads.Payload]:
    """The task's binary or bundle, open and verified."""
    task, host = work.task, work.host
    manifest = check(host, task.manifest, task.type, name, task.organization)
    if not task.download:
        raise Refused("download_failed", "The server named no place to fetch the file from.")
    work.tell_downloading()
    chunks = fetched(host.client, task.download, work.require_wanted)
    mode = 0o555 if task.options.run_as else 0o500
    path = payloads.save(chunks, manifest, work.folder.path, mode)
    with payloads.opened(path, manifest, host.trust, judged_at(host)) as opened:
        yield opened


def check(
    host: "Agent", manifest: Optional[dict[str, Any]], kind: str, name: str, organization: str
) -> verify.Manifest:
    if manifest is None:
        raise Refused("signature_invalid", "The task carries no signed manifest.")
    wanted = verify.Wanted(kind, name, organization, *verify.this_host(), protocol.VERSION)
    return verify.check(manifest, wanted, host.trust, host.work.versions, judged_at(host))


def judged_at(host: "Agent") -> datetime:
    now, note = verify.trusted_now(datetime.now(timezone.utc), host.clock.now())
    if note:
        host.condition("clock_skew", note)
    return now


def fetched(client: Client, path: str, still_wanted: Callable[[], object]) -> Iterator[bytes]:
    """The download from beginning to end, over broken connections, for at most DOWNLOAD_LIMIT_S."""
    if not path.startswith(protocol.BASE + "/"):
        raise Refused("download_failed", "The download is not on this server.")
    end, offset, backoff = time.monotonic() + protocol.DOWNLOAD_LIMIT_S, 0, Backoff(first=0.5, longest=10)
    while True:
        try:
            for part in client.fetch(path, offset):
                offset += len(part)
                backoff.worked()
                yield part
                still_wanted()
                _require_time(end)
            return
        except Final as error:
            raise Refused("download_failed", f"The server refuses the download: {error}.") from error
        except Transient as error:
            trouble = error
        _require_time(end, f": {trouble}")
        still_wanted()
        time.sleep(backoff.failed())


def _require_time(end: float, why: str = "") -> None:
    if time.monotonic() > end:
        raise Refused("download_failed", f"The download took longer than {protocol.DOWNLOAD_LIMIT_S} s{why}.")
