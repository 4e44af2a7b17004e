"""What an agent gets with a task: the command, what only the server knows, and signatures over both.

One command is signed for each lease, over the very message that is sent, so nobody between server and host can change
what runs. A build or package goes with its manifest, signed at this moment.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, g

from webapp import events
from webapp.access.models import Organization
from webapp.agent_api.auth import actor
from webapp.agent_api.news import signing
from webapp.agents.models import Agent
from webapp.db import db
from webapp.library import packages
from webapp.library.manifest import ANY, Facts, manifest
from webapp.library.models import Build, Package
from webapp.plugins import bundle, sealing
from webapp.plugins import queries as plugins
from webapp.seal import Seal, SealError
from webapp.tasks import kinds, lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.kinds import test
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task
from webapp.tasks.reasons import Reason
from webapp.tasks.spec import Options
from webapp.tasks.states import NEVER_STARTED
from workers.agent.protocol import PARAMETER, SETTING, ClaimedTask, Command, TaskOptions, command_of, download_path

PERMIT_LIFE = timedelta(minutes=15)  # longer than a download may take
AT_ONCE = 20  # tasks in one answer, which agents read up to a size

Json = dict[str, Any]


class Unfit(Exception):
    """This task cannot run on this host now."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason, self.text = reason, text


def lease_token(claim_id: str) -> str:
    """The same for the same claim, so that a lost answer can be given again; and nobody else can work it out."""
    key = str(current_app.extensions["settings"].secret_key).encode()
    return hmac.new(key, f"muster-lease-v1\n{g.agent.id}\n{claim_id}".encode(), hashlib.sha256).hexdigest()[:43]


def handed_out(claimed: Iterable[Claimed], now: datetime) -> list[Json]:
    """The tasks as the agent gets them; one that cannot run there has failed, and says why."""
    found = []
    for each in claimed:
        try:
            found.append(_signed(each, now))
        except Unfit as unfit:
            end = End(NEVER_STARTED, reason=unfit.reason, error=unfit.text)
            lifecycle.fail(each.task, each.lease, actor(), now, end)
    return found


def update_command(agent: Agent, now: datetime) -> list[Command]:
    """The published program, for an agent that was asked to update itself without a task."""
    package = packages.agent()
    if package is None or package.version != agent.update_to:
        return []
    return [Command("update", manifest=_manifest_of(package, now), download=download_path(package.sha256))]


def _signed(each: Claimed, now: datetime) -> Json:
    task = each.task
    payload, place = _payload(task, now)
    data, secrets = _set_up(task)
    message = ClaimedTask(
        task_id=task.uuid, lease_seq=each.lease.seq, token=each.lease.token, type=task.type, data=data,
        options=_options(task), organization=_organization(), secrets=secrets, manifest=payload, download=place,
    ).to_json()  # fmt: skip
    message["command_signature"] = _signing().sign_command(
        command_of(message), task_id=task.uuid, lease_seq=each.lease.seq, agent_id=g.agent.uuid,
        expires_at=now + PERMIT_LIFE,
    )  # fmt: skip
    return message


def _payload(task: Task, now: datetime) -> tuple[Json | None, str | None]:
    """Manifest and download of what runs, where it is no command."""
    if task.type == test.TYPE:
        build = test.build_for(task.data, g.agent)
        if build is None:
            text = f'There is no {g.agent.platform} build of "{task.what}" any more'
            raise Unfit(Reason.NO_BUILD_FOR_PLATFORM, text)
        _note_build(task, build, now)
        return _manifest_of_build(build, task.data["test"], now), download_path(build.uuid)
    if task.type == "update_agent":
        package = packages.agent()
        if package is None:
            raise Unfit(Reason.UPDATE_FAILED, "No agent program is published on this server")
        return _manifest_of(package, now), download_path(package.sha256)
    if task.type == "plugin" and task.data.get("plugin_id"):
        package = _packed(task, now)
        return _manifest_of(package, now), download_path(package.sha256)
    return None, None


def _packed(task: Task, now: datetime) -> Package:
    plugin = plugins.find(task.data["plugin_id"])
    if plugin is None:
        raise Unfit(Reason.PLUGIN_ERROR, f"The plugin {task.data['plugin_id']} was removed")
    try:
        content = bundle.pack(plugin)
    except (ValueError, OSError) as error:
        raise Unfit(Reason.PLUGIN_ERROR, str(error)) from None
    folder = current_app.extensions["settings"].data
    return packages.publish(folder, "plugin", plugin.id, str(plugin.manifest.version), content, now)


def _set_up(task: Task) -> tuple[Json, dict[str, str]]:
    """The data as the host needs it, with the organisation's settings; and what nobody may read in the output."""
    plugin = plugins.find(str(task.data.get("plugin_id"))) if task.type == "plugin" else None
    if plugin is None:
        return task.data, {}
    try:
        settings, secrets = plugins.setup_of(plugin, task.organization_id, _seal())
        call, given = sealing.apart(plugin, task.data, task.organization_id, _seal())
    except SealError as error:
        raise Unfit(Reason.PLUGIN_ERROR, f"Its settings: {error}") from None
    told = {f"{SETTING}{name}": value for name, value in secrets.items()}
    told |= {f"{PARAMETER}{name}": value for name, value in given.items()}
    return call | {"settings": {name: value for name, value in settings.items() if value is not None}}, told


def _manifest_of(package: Package, now: datetime) -> Json:
    facts = Facts(ANY, ANY, package.size, package.sha256)
    return _signing().sign_manifest(
        manifest(facts, kind=package.kind, name=package.name, version=package.number, org=_organization(), now=now)
    )


def _manifest_of_build(build: Build, slug: str, now: datetime) -> Json:
    facts = Facts(build.platform, build.arch, build.size, build.sha256)
    return _signing().sign_manifest(manifest(
        facts, kind=test.TYPE, name=slug, version=build.version, org=_organization(), now=now, min_agent=build.min_agent
    ))  # fmt: skip


def _note_build(task: Task, build: Build, now: datetime) -> None:
    """What really ran there belongs to the task's history, whatever becomes of the library."""
    text = f"Build {build.version} for {build.runs_on}, {build.sha256[:12]}"
    facts = {"build": build.uuid, "version": build.version, "runs_on": build.runs_on, "sha256": build.sha256}
    events.record(task.organization_id, "task.build", "task", task.id, actor(), now, text=text, data=facts)


def _options(task: Task) -> TaskOptions:
    given = task.options
    return TaskOptions(
        execution_timeout=float(task.execution_timeout), max_output=given.get("max_output", Options().max_output),
        success_exit_codes=kinds.success_codes(task.type, given), run_as=given.get("run_as"),
        env=dict(given.get("env") or {}), cwd=given.get("cwd"),
    )  # fmt: skip


def _organization() -> str:
    if "organization_slug" not in g:
        g.organization_slug = db.session.get_one(Organization, g.agent.organization_id).slug
    return g.organization_slug


def _seal() -> Seal:
    return Seal(current_app.extensions["settings"].secrets_key_file)


def _signing():  # type: ignore[no-untyped-def]
    return signing(current_app)  # type: ignore[arg-type]
