"""Signing in and out, and the one-time link to a new password."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, session

from webapp import clock, htmx
from webapp.access import lifecycle, login, passwords, resets, sessions
from webapp.access.forms import LoginForm, NewPasswordForm
from webapp.access.guards import public, requires
from webapp.access.principal import principal
from webapp.db import db
from webapp.errors import Problem
from webapp.events import Actor
from webapp.language import _
from webapp.security import same_origin_path

bp = Blueprint("login", __name__)


@bp.get("/login")
@public
def show() -> Response:
    if principal:
        return redirect(same_origin_path(request.args.get("next")))  # type: ignore[return-value]
    return _page(LoginForm(next=request.args.get("next", "")))


@bp.post("/login")
@public
def sign_in() -> Response:
    _need_safe_line()
    form = LoginForm()
    if not form.validate():
        return _page(form, 422)
    secret = login.sign_in(
        form.username.data, form.password.data, request.remote_addr or "", request.user_agent.string, clock.now()
    )
    db.session.commit()
    if secret is None:
        form.password.errors = [_("Check your user name and password, then try again")]
        return _page(form, 422)
    session.begin(secret)  # type: ignore[attr-defined]
    return redirect(same_origin_path(form.next.data), 303)  # type: ignore[return-value]


@bp.post("/logout")
@requires(person=True)
def logout() -> Response:
    login.sign_out(principal, clock.now())
    db.session.commit()
    session.begin("")  # type: ignore[attr-defined]
    if htmx.wanted():
        return Response("", 204, {"HX-Redirect": "/login"})
    return redirect("/login", 303)  # type: ignore[return-value]


@bp.route("/password/<token>", methods=["GET", "POST"])
@public
def reset(token: str) -> Response | tuple[str, int]:
    user = resets.user_of(token)
    if user is None:
        raise Problem(404, _("This link was used, or it is older than 30 minutes. Ask for a new one"))
    form = NewPasswordForm()
    form.about = (user.username, user.name)
    if request.method == "GET" or not form.validate():
        return render_template("access/reset.html", form=form, user=user), 422 if form.errors else 200
    password_hash = passwords.hashed(form.password.data)
    lifecycle.change_password(user, password_hash, Actor("user", user.username, user.id), clock.now())
    db.session.commit()
    flash(_("Your password is changed. Sign in with it"))
    return redirect("/login", 303)  # type: ignore[return-value]


def _page(form: LoginForm, status: int = 200) -> Response:
    return current_app.make_response((render_template("login.html", form=form, next=form.next.data or ""), status))


def _need_safe_line() -> None:
    settings = current_app.extensions["settings"]
    if not sessions.safe_line(request, settings):
        raise Problem(
            403,
            _(
                "Passwords are not sent over plain http. Open Muster by https, or on its own machine at http://localhost:%(port)s. Behind a proxy that does TLS, set MUSTER_PROXIES",
                port=settings.port,
            ),
        )
