"""The catalogue of plugins, and what an organisation has set up for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, flash, request

from webapp import clock, htmx, polling
from webapp.access.guards import choose_organization, forbidden, requires
from webapp.access.permissions import Permission
from webapp.access.principal import Org, principal
from webapp.db import db
from webapp.errors import Problem
from webapp.language import _
from webapp.objects.values import FieldErrors
from webapp.plugins import catalogue, forms, lifecycle, queries
from webapp.plugins.discovery import Plugin
from webapp.refusal import Refused
from webapp.schedules import queries as schedules
from webapp.seal import Seal
from webapp.tasks import queries as tasks

bp = Blueprint("plugins", __name__, url_prefix="/plugins")

LATEST = 10
LATELY = timedelta(days=30)  # of which uses are counted


@bp.get("/")
@requires(Permission.PLUGINS_READ)
@polling.cached
def index() -> Response:
    q = request.args.get("q", "").strip()[:200]
    found, matching = catalogue.catalogue(), queries.matching(q)
    return htmx.page(
        "plugins/index.html", "plugins/_list.html", q=q, plugins=matching, broken=found.broken, off=queries.off_in(),
        orgs={org.id: org for org in principal.seen}, uses=_uses([plugin.id for plugin in matching]),
    )  # fmt: skip


@bp.get("/<plugin_id>")
@requires(Permission.PLUGINS_READ)
@polling.cached
def show(plugin_id: str) -> Response:
    return _page(_plugin(plugin_id), _org(request.args.get("organization")))


@bp.post("/<plugin_id>/settings")
@requires(Permission.PLUGINS_WRITE)
def configure(plugin_id: str) -> Response:
    plugin, organization_id = _plugin(plugin_id), _chosen()
    given, version = forms.read(plugin.manifest, request.form), request.form.get("version", "")
    seal = Seal(current_app.extensions["settings"].secrets_key_file)
    try:
        lifecycle.configure(
            plugin, organization_id, given, seal, principal.actor, clock.now(), int(version) if version.isdecimal() else 0
        )  # fmt: skip
    except (FieldErrors, Refused) as wrong:
        db.session.rollback()
        errors = forms.told(wrong) if isinstance(wrong, FieldErrors) else [{"id": "settings", "message": wrong.text}]
        status = 422 if isinstance(wrong, FieldErrors) else 409
        return _page(plugin, _org(str(organization_id)), status, given=forms.typed(request.form), errors=errors)
    db.session.commit()
    if warning := forms.warning(plugin.manifest, given):
        flash(warning, "warning")
    return htmx.moved(
        _path(plugin, organization_id), _("The settings of %(name)s are saved", name=plugin.manifest.name)
    )


@bp.post("/<plugin_id>/enable")
@requires(Permission.PLUGINS_WRITE)
def enable(plugin_id: str) -> Response:
    return _switch(plugin_id, True)


@bp.post("/<plugin_id>/disable")
@requires(Permission.PLUGINS_WRITE)
def disable(plugin_id: str) -> Response:
    return _switch(plugin_id, False)


def _switch(plugin_id: str, on: bool) -> Response:
    plugin, organization_id = _plugin(plugin_id), _chosen()
    lifecycle.switch(plugin, organization_id, on, principal.actor, clock.now())
    db.session.commit()
    text = (
        _("%(name)s is enabled", name=plugin.manifest.name)
        if on
        else _("%(name)s is disabled", name=plugin.manifest.name)
    )
    return htmx.moved(_path(plugin, organization_id), text)


def _page(plugin: Plugin, org: Org, status: int = 200, **typed: Any) -> Response:
    row = queries.settings_in(plugin.id, org.id)
    plain, secrets = forms.split(plugin.manifest)
    latest = tasks.of_plugin(plugin.id, org.id, LATEST) if principal.can(Permission.TASKS_READ, org.id) else None
    sees = principal.can(Permission.SCHEDULES_READ, org.id)
    context: dict[str, Any] = {
        "plugin": plugin, "told": plugin.manifest, "org": org, "orgs": _orgs(), "row": row, "plain": plain,
        "secrets": secrets, "set": set(row.secrets) if row else set(), "enabled": row is None or row.enabled,
        "seen": row.version if row else 1, "tasks": latest, "uses": _uses([plugin.id], org.id).get(plugin.id),
        "schedules": schedules.of_plugin(plugin.id, org.id, LATEST) if sees else None, "given": forms.shown(row), "errors": [],
    }  # fmt: skip
    return htmx.page("plugins/show.html", "plugins/_show.html", status, **context | typed)


def _uses(plugin_ids: list[str], org_id: int | None = None) -> dict[str, Any]:
    """Where this person may see tasks: in one organisation, or in all that are shown."""
    seen = {org.id for org in principal.seen} if org_id is None else {org_id}
    allowed = seen & principal.org_ids_with(Permission.TASKS_READ)
    return dict(tasks.uses(plugin_ids, allowed, clock.now() - LATELY)) if allowed else {}


def _plugin(plugin_id: str) -> Plugin:
    if plugin := catalogue.find(plugin_id):
        return plugin
    raise Problem(404, _("There is no plugin %(plugin_id)s. Its file may have been removed", plugin_id=plugin_id[:60]))


def _chosen() -> int:
    return choose_organization(request.values.get("organization"), Permission.PLUGINS_WRITE)


def _orgs() -> list[Org]:
    able = principal.org_ids_with(Permission.PLUGINS_READ)
    return [org for org in principal.seen if org.id in able]


def _org(named: str | None) -> Org:
    """The one whose settings are shown: the named one, else the first."""
    for org in _orgs():
        if named in (None, org.slug, str(org.id)):
            return org
    if named is None:
        raise forbidden(Permission.PLUGINS_READ)
    raise Problem(404, _("There is no organization %(named)s whose plugins you can see", named=named[:60]))


def _path(plugin: Plugin, organization_id: int) -> str:
    path = f"/plugins/{plugin.id}"
    return path if len(_orgs()) == 1 else f"{path}?organization={_org(str(organization_id)).slug}"
