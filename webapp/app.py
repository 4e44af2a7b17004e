"""Puts the web application together. The only module that knows all features."""

from __future__ import annotations

import secrets
from importlib import import_module
from typing import Any

from flask import Flask, Response, current_app, g, redirect, request
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import (
    config,
    db,
    errors,
    gate,
    health,
    htmx,
    kept,
    language,
    metrics,
    navigation,
    pages,
    polling,
    queue,
    security,
)
from webapp.access import guards, login
from webapp.access.principal import principal
from webapp.agent_api import gate as agents_gate
from webapp.config import Settings
from webapp.db import db as database
from webapp.errors import Problem
from webapp.language import _

# Every feature's views, by name: each module has a blueprint `bp`.
FEATURES = (
    "webapp.access.views.login",
    "webapp.access.views.me",
    "webapp.access.views.tokens",
    "webapp.access.views.users",
    "webapp.access.views.roles",
    "webapp.access.views.organizations",
    "webapp.access.views.audit",
    "webapp.news.views",
    "webapp.tasks.views.listing",
    "webapp.tasks.views.new",
    "webapp.tasks.views.bulk",
    "webapp.tasks.views.mine",
    "webapp.tasks.views.export",
    "webapp.tasks.views.peek",
    "webapp.tasks.views.actions",
    "webapp.tasks.views.detail",
    "webapp.tasks.views.output",
    "webapp.tasks.views.files",
    "webapp.tasks.views.notes",
    "webapp.files.views",
    "webapp.tasks.views.adhoc",
    "webapp.tasks.views.uninstall",
    "webapp.schedules.views.listing",
    "webapp.schedules.views.detail",
    "webapp.schedules.views.edit",
    "webapp.schedules.views.upcoming",
    "webapp.schedules.views.month",
    "webapp.schedules.views.when",
    "webapp.plugins.views",
    "webapp.objects.views.objects",
    "webapp.objects.views.sets",
    "webapp.calendars.views.calendars",
    "webapp.calendars.views.calendar",
    "webapp.library.views.tests",
    "webapp.agents.views.fleet",
    "webapp.agents.views.options",
    "webapp.agents.views.host",
    "webapp.agents.views.enrolment",
    "webapp.dashboard.views.system",
    "webapp.dashboard.views.home",
    "webapp.dashboard.views.palette",
    "webapp.dashboard.views.help",
    "webapp.rest.api",
    "webapp.rest.copies",
    "webapp.agent_api.views.session",
    "webapp.agent_api.views.tasks",
    "webapp.agent_api.views.transfer",
    "webapp.agent_api.views.install",
)

# Who finds the principal of a key, by the key's beginning.
BEARERS = {
    "tok_": "webapp.access.tokens:principal_of",
}

# Where somebody may go who must choose a password first.
BEFORE_PASSWORD = ("me.password", "me.change_password", "login.logout", "me.prefs")


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or config.load()
    app = Flask("muster", root_path=str(pages.ROOT), template_folder="templates", static_folder=None)
    app.jinja_environment = pages.Templates
    configure(app, settings)
    queue.connect(settings)
    db.init(app, settings)
    app.before_request(begin)
    for part in (errors, metrics, security, pages, kept, polling, health):
        part.init(app)
    login.init(app, {start: _named(where) for start, where in BEARERS.items()})
    app.before_request(choose_language)
    app.before_request(ask_for_password)
    app.after_request(name_request)
    app.teardown_request(lambda _error: language.speak(language.ENGLISH))
    for name in FEATURES:
        app.register_blueprint(import_module(name).bp)
    navigation.init(app)
    guards.check(app)
    for each in (gate.Gate, agents_gate.Gate):
        app.wsgi_app = each(app)  # type: ignore[assignment,method-assign]
    if hops := settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, hops)  # type: ignore[method-assign]
    return app


def configure(app: Flask, settings: Settings) -> None:
    app.extensions["settings"] = settings
    app.extensions["languages"] = language.offered(settings.pseudo)
    app.secret_key = settings.secret_key
    app.url_map.strict_slashes = False
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload,
        MAX_FORM_MEMORY_SIZE=2 * 2**20,
        MAX_FORM_PARTS=2_000,
        TRUSTED_HOSTS=list(settings.trusted_hosts) or None,
        WTF_CSRF_ENABLED=False,  # webapp/security.py checks every request, whether it has a form or not
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]


def begin() -> None:
    """One unit of work a request. Reading ones cannot write: the database itself refuses it."""
    g.request_id = secrets.token_hex(8)
    clear_contextvars()
    bind_contextvars(request_id=g.request_id, ip=request.remote_addr or "")
    database.session().info["reading"] = request.method in security.SAFE


def choose_language() -> None:
    """Of a page. What somebody set is known only where somebody has to sign in; their cookie says the same elsewhere."""
    if errors.speaks_json():
        return
    wishes = request.headers.get("Cookie", ""), request.headers.get("Accept-Language", "")
    among = current_app.extensions["languages"]
    language.speak(language.chosen(among, "", *wishes))  # so that also a failure to tell who asks is told in it
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or not view.access.public:  # type: ignore[union-attr]
        language.speak(language.chosen(among, principal.prefs["language"], *wishes))


def ask_for_password() -> Response | None:
    """Whoever signed in with a password that others know chooses their own before anything else."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or view.access.public or request.endpoint in BEFORE_PASSWORD:  # type: ignore[union-attr]
        return None
    if not principal.must_change_password:
        return None
    if errors.speaks_json():
        raise Problem(403, _("Choose your own password first, at /me/password"))
    if htmx.wanted():
        return Response("", 401, {"HX-Redirect": "/me/password"})
    return redirect("/me/password", 303)  # type: ignore[return-value]


def name_request(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Language", language.current())
    return response


def _named(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)
