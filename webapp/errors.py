"""How a refusal or a failure is told: a page, a toast, or problem+json; never a traceback."""

from __future__ import annotations

import sqlite3

import sqlalchemy.exc
import structlog
from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from structlog.contextvars import get_contextvars
from werkzeug.exceptions import HTTPException

from webapp import htmx
from webapp.db import db
from webapp.language import _
from webapp.refusal import Problem as Problem  # views raise it, too
from webapp.refusal import Refused, SignInNeeded
from webapp.security import SAFE, here

RETRY_SECONDS = 5
DATABASE_AWAY = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError)
log = structlog.get_logger("web")


def init(app: Flask) -> None:
    app.register_error_handler(Problem, answer)
    app.register_error_handler(Refused, refused)
    app.register_error_handler(sqlalchemy.exc.IntegrityError, _collided)
    app.register_error_handler(HTTPException, _of_werkzeug)
    for kind in DATABASE_AWAY:
        app.register_error_handler(kind, _database_away)
    app.register_error_handler(Exception, _unexpected)


def answer(problem: Problem) -> Response:
    if speaks_json():
        response = as_json(problem)
    elif isinstance(problem, SignInNeeded):
        response = current_app.extensions["sign_in"](problem)
    elif htmx.wanted():
        response = htmx.tell(make_response("", problem.status), {"toast": {"text": problem.text, "tone": "danger"}})
    else:
        response = as_page(problem)
    response.headers.update(problem.headers)
    return htmx.vary(response)


def refused(reason: Refused) -> Response:
    """A verb said no: the page says why, and shows how things are now. One that cannot be shown leads nowhere else:
    it would ask for itself again."""
    if speaks_json() or (request.method in SAFE and not htmx.wanted()):
        return answer(Problem(409, reason.text, reason=reason.code))
    return htmx.refused(reason.text, here(), refresh="all")


def speaks_json() -> bool:
    if request.path.startswith(("/api/", "/agent/")):
        return True
    accepts = request.accept_mimetypes
    return max(accepts["application/json"], accepts["application/problem+json"]) > accepts["text/html"]


def as_json(problem: Problem) -> Response:
    body = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    response = jsonify(body | problem.facts | ({"errors": problem.errors} if problem.errors else {}))
    response.status_code = problem.status
    response.content_type = "application/problem+json"
    return response


def as_page(problem: Problem) -> Response:
    try:
        return _page(problem)
    except DATABASE_AWAY:
        # Who asks is not known either: the page goes without their menu.
        g._login_user = current_app.login_manager.anonymous_user()  # type: ignore[attr-defined]
        return _page(problem)


def _page(problem: Problem) -> Response:
    page = render_template(
        "error.html",
        code=problem.status,
        heading=problem.title,
        text=problem.detail,
        reference=reference() if problem.status >= 500 else "",
        pinned=list,  # none, as on the bell: the session may be what has failed
        unread=int,
    )
    return make_response(page, problem.status)


def reference() -> str:
    """What a person can quote, and the log can be searched for."""
    return get_contextvars().get("request_id", "")[:8]


def _of_werkzeug(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 and error.response is None:  # a redirect that routing raised
        return error.get_response()  # type: ignore[return-value]
    if error.response is not None:  # abort(response)
        return error.response  # type: ignore[return-value]
    problem = Problem(status, _detail(status))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "Content-Range"):
            problem.headers[name] = value
    return answer(problem)


def _detail(status: int) -> str:
    if status == 404:
        return _("There is no such page. It may have been deleted, or the address has a mistake")
    if status == 413:
        return _(
            "The upload is too big. The limit is %(size)s MB", size=current_app.config["MAX_CONTENT_LENGTH"] // 2**20
        )
    if status == 400 and request.is_json:
        return _("The body is not the JSON that it should be")
    return ""


def _database_away(error: Exception) -> Response:
    if _is_a_bug(error):
        return _unexpected(error)
    log.warning("the database does not answer", error=str(getattr(error, "orig", error)))
    asked = request.method in SAFE
    text = _("The database did not answer. Try again in %(seconds)s seconds", seconds=RETRY_SECONDS)
    if not asked:
        text = _(
            "The database did not answer. Nothing was changed. Try again in %(seconds)s seconds", seconds=RETRY_SECONDS
        )
    title = _("This page could not be loaded") if asked else ""
    return answer(Problem(503, text, title, headers={"Retry-After": str(RETRY_SECONDS)}))


def _is_a_bug(error: Exception) -> bool:
    """SQLite calls a missing table an operational error, too: waiting does not help that."""
    origin = getattr(error, "orig", None)
    return isinstance(origin, sqlite3.OperationalError) and "no such" in str(origin)


def _collided(error: sqlalchemy.exc.IntegrityError) -> Response:
    """Two people took the same name at the same moment. Every other broken rule of the database is our fault."""
    if getattr(error.orig, "sqlstate", "") != "23505" and "UNIQUE" not in str(error.orig):
        return _unexpected(error)
    db.session.rollback()  # or the page's menu could not be read
    return answer(
        Problem(409, _("Somebody else did the same at the same moment. Look at the list before you try again"))
    )


def _unexpected(error: Exception) -> Response:
    log.exception("a request failed", path=request.path, exc_info=error)
    text = _("Something failed on our side. Nothing was changed. Reference %(reference)s", reference=reference())
    try:
        db.session.rollback()
        return answer(Problem(500, text, reference=reference()))
    except Exception:  # the page that tells of it may be what is broken
        log.exception("the error page failed")
        return Response(text, 500, content_type="text/plain; charset=utf-8")
