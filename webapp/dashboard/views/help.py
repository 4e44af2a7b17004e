"""What the words mean, how tasks are searched, what the keys and roles do; and the documents of this very version."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, render_template

from webapp.access.guards import requires
from webapp.access.permissions import ROLES, Permission
from webapp.dashboard import document as documents
from webapp.errors import Problem
from webapp.language import N_, _
from webapp.pages import ROOT
from webapp.tasks.lists import filters
from webapp.tasks.reasons import ADVICE
from webapp.tasks.states import LOOKS, Status

bp = Blueprint("help", __name__, url_prefix="/help")

DOCS = ROOT / "docs"
MEANS = {
    Status.BLOCKED: N_("waits for tasks that must end before it"),
    Status.SCHEDULED: N_("has a start time in the future"),
    Status.PENDING: N_("is ready, and waits for a worker or an agent"),
    Status.ASSIGNED: N_("was claimed by a worker or an agent"),
    Status.DOWNLOADING: N_("the agent fetches and verifies what it is to run"),
    Status.EXECUTING: N_("its process runs"),
    Status.REPORTING: N_("its process has ended, the rest of its output is on the way"),
    Status.COMPLETED: N_("ended, with an exit code that counts as success"),
    Status.FAILED: N_("ended otherwise, or never started; the reason says why"),
    Status.CANCELLED: N_("was taken back before it ran"),
    Status.TERMINATED: N_("was stopped while it ran, with all that it had started"),
    Status.EXPIRED: N_("nobody took it in time"),
    Status.SKIPPED: N_("was left out on purpose: a day off, an overlap, a failure before it"),
}
# Each is read by the search itself when the page is made by a test.
EXAMPLES = (
    ("status:failed since:24h", N_("what failed since yesterday")),
    ("status:open agent:web-*", N_("what waits or runs on hosts whose name begins with web-")),
    ("plugin:dns_records example.com", N_("DNS look-ups of one name")),
    ('reason:timeout "connection refused"', N_("what ran out of time, with these words in it")),
    ("trigger:schedule until:2026-11-20", N_("what schedules made, up to and with that day")),
    ("status:queued,running owner:me", N_("mine that have not ended")),
    ("log:segfault", N_("tasks whose output has the word")),
    ("mentions:me", N_("what a note calls me to")),
    ("notes:1 tag:database", N_("what somebody has written about, on agents with a tag")),
)


@bp.get("/")
@requires()
def index() -> str:
    return render_template(
        "help/index.html", means=MEANS, looks=LOOKS, advice=ADVICE, examples=EXAMPLES,
        keys=filters.KEYS, choices=filters.CHOICES, roles=ROLES, permissions=_permissions(), documents=_documents(),
    )  # fmt: skip


@bp.get("/<document_name>")
@requires()
def document(document_name: str) -> str:
    if document_name not in (found := _documents()):
        raise Problem(
            404,
            _(
                "There is no document %(document_name)s. All of them are listed on the help page",
                document_name=document_name[:60],
            ),
        )
    text = (DOCS / f"{document_name}.md").read_text("utf-8")
    told = text.partition("\n")[2].strip()
    blocks = documents.read(told, document_name)
    return render_template("help/document.html", name=document_name, title=found[document_name], blocks=blocks)


def _documents() -> dict[str, str]:
    """Their titles by name."""
    return {path.stem: _title(path) for path in sorted(DOCS.glob("*.md"))}


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()


def _permissions() -> dict[str, list[Permission]]:
    """By what they are about."""
    found: dict[str, list[Permission]] = {}
    for permission in Permission:
        found.setdefault(permission.noun, []).append(permission)
    return found
