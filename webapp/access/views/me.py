"""What a person does with their own account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request

from webapp import clock, htmx, language
from webapp.access import lifecycle, passwords, prefs, queries, sessions
from webapp.access.forms import AppearanceForm, ChangePasswordForm, ProfileForm
from webapp.access.guards import requires
from webapp.access.login import BY_PAIR
from webapp.access.models import Session, User
from webapp.access.principal import principal
from webapp.db import db
from webapp.errors import Problem
from webapp.language import _
from webapp.security import enforce, here

bp = Blueprint("me", __name__, url_prefix="/me")

COOKIE_LIFE = timedelta(days=365)


@bp.get("/")
@requires(person=True)
def profile() -> str:
    user = myself()
    return render_template("access/profile.html", form=ProfileForm(obj=user), user=user)


@bp.post("/")
@requires(person=True)
def edit_profile() -> Response | tuple[str, int]:
    user, form = myself(), ProfileForm()
    if not form.validate():
        return render_template("access/profile.html", form=form, user=user), 422
    lifecycle.edit_user(user, form.name.data, form.email.data, principal.actor, clock.now())
    db.session.commit()
    return htmx.changed(None, "/me", _("Profile saved"))


@bp.get("/appearance")
@requires(person=True)
def appearance() -> str:
    mine = {name: str(value) if name == "live" else value for name, value in principal.prefs.items()}
    return render_template("access/appearance.html", form=AppearanceForm(data=mine))


@bp.post("/prefs")
@requires(person=True)
def set_prefs() -> Response:
    """Any of them, from the page's controls or the form; `org` is the organisation that the pages show.

    A browser does not send an empty box, so the form says which `boxes` it has.
    """
    given = request.form.to_dict() | {name: "off" for name in request.form.getlist("boxes") if name not in request.form}
    taken, refused = prefs.read(given)
    if refused:
        raise Problem(
            422, errors=[{"field": name, "message": _("Choose one of the offered values")} for name in refused]
        )
    if taken:
        lifecycle.prefer(myself(), taken)
    if "org" in given:
        sessions.choose(principal.credential, _organization_id(given["org"]))
    db.session.commit()
    if "task_zone" in taken:
        return htmx.moved(here(), _("Saved"))
    if "language" in taken:
        return _spoken(taken["language"])
    return htmx.changed(None, here(), "" if "org" in given else _("Saved"))


@bp.get("/password")
@requires(person=True)
def password() -> str:
    return render_template("access/password.html", form=ChangePasswordForm())


@bp.post("/password")
@requires(person=True)
def change_password() -> Response | tuple[str, int]:
    form = ChangePasswordForm()
    form.about = (principal.username, principal.name)
    enforce([(BY_PAIR, f"{request.remote_addr} {principal.username}")])  # a stolen session does not get to guess
    stored = myself().password_hash
    db.session.rollback()  # no transaction waits while a password is hashed
    if not form.validate() or not _right(form, stored):
        return render_template("access/password.html", form=form), 422
    password_hash = passwords.hashed(form.password.data)
    lifecycle.change_password(myself(), password_hash, principal.actor, clock.now(), but=principal.credential)
    db.session.commit()
    return htmx.changed(None, "/me/password", _("Password changed. All your other sessions were signed out"))


@bp.get("/sessions")
@requires(person=True)
def list_sessions() -> Response:
    mine = queries.live_sessions(principal.id or 0, clock.now())
    return htmx.page("access/sessions.html", "access/_sessions.html", sessions=mine)


@bp.post("/sessions/<session_id>/revoke")
@requires(person=True)
def revoke_session(session_id: str) -> Response:
    found = db.session.get(Session, session_id)
    if found is None or found.user_id != principal.id:
        raise Problem(404, _("There is no such session. It may have ended"))
    sessions.end(found.id, clock.now())
    db.session.commit()
    return htmx.changed(None, "/me/sessions", _("Signed out there"), refresh="sessions")


def myself() -> User:
    return db.session.get_one(User, principal.id)


def _spoken(code: str) -> Response:
    """The browser keeps it, too, for pages that do not know who asks."""
    language.speak(
        language.chosen(current_app.extensions["languages"], code, "", request.headers.get("Accept-Language", ""))
    )
    response = htmx.changed(None, here(), _("Saved"))
    kept: dict[str, Any] = {"path": "/", "samesite": "Lax", "secure": request.is_secure, "httponly": True}
    if code:
        response.set_cookie(language.COOKIE, code, max_age=COOKIE_LIFE, **kept)
    else:
        response.delete_cookie(language.COOKIE, **kept)
    return response


def _organization_id(slug: str) -> int | None:
    if not slug:
        return None
    for org in principal.orgs:
        if org.slug == slug:
            return org.id
    raise Problem(422, errors=[{"field": "org", "message": _("Choose one of your organizations")}])


def _right(form: ChangePasswordForm, stored: str) -> bool:
    if passwords.verify(stored, form.current.data):
        return True
    form.current.errors = [_("This is not your current password")]
    return False
