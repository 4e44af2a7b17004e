"""Signing in and out, and who asks in this request. Flask-Login holds the answer for the time of the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Flask, Request, Response, current_app, make_response, redirect, request, session
from flask_login import LoginManager

from webapp import clock, htmx
from webapp.access import audit, facts, lifecycle, passwords, sessions
from webapp.access.models import User
from webapp.access.principal import ANONYMOUS, Principal
from webapp.db import db
from webapp.errors import Problem
from webapp.events import Actor
from webapp.security import SAFE, Limit, enforce, here

# A pair of address and account, so that nobody can lock an owner out from elsewhere.
BY_PAIR = Limit("login-pair", times=10, seconds=900)
BY_ADDRESS = Limit("login-address", times=50, seconds=900)
BY_TOKEN = Limit("token", times=600, seconds=60)

Bearer = Callable[[str, datetime], Principal | None]


def init(app: Flask, bearers: Mapping[str, Bearer]) -> None:
    """`bearers`: for each beginning of a key, who finds its principal."""
    manager = LoginManager(app)
    manager.session_protection = None
    manager.anonymous_user = lambda: ANONYMOUS
    manager.request_loader(who)
    app.session_interface = sessions.Sessions()
    app.extensions["bearers"] = dict(bearers)
    app.extensions["sign_in"] = ask


def who(request: Request) -> Principal:
    key = _key(request)
    if key is None:
        return sessions.principal_of(session.secret, clock.now()) or ANONYMOUS  # type: ignore[attr-defined]
    for start, find in current_app.extensions["bearers"].items():
        if key.startswith(start):
            found = find(key, clock.now())
            if found and found.kind == "token":
                enforce([(BY_TOKEN, found.credential)])
            return found or ANONYMOUS
    return ANONYMOUS


def sign_in(username: str, password: str, ip: str, agent: str, now: datetime) -> str | None:
    """The new session's secret. None for whatever is wrong: nobody learns which accounts there are."""
    pair = f"{ip} {username.lower()}"
    enforce([(BY_PAIR, pair), (BY_ADDRESS, ip)])
    user = db.session.scalar(sa.select(User).where(User.username == username.lower(), User.active))
    user_id, stored = (user.id, user.password_hash) if user else (0, None)
    db.session.rollback()  # hashing takes its time: no transaction waits for it
    if not passwords.verify(stored, password):
        _failed(user_id, username, now)
        return None
    fresh = passwords.hashed(password) if passwords.outdated(stored or "") else None
    BY_PAIR.forgive(pair)
    return _succeeded(db.session.get_one(User, user_id), fresh, ip, agent, now)


def sign_out(principal: Principal, now: datetime) -> None:
    sessions.end(principal.credential, now)
    where: list[int | None] = [org.id for org in principal.orgs]
    for organization_id in where or [None]:
        audit.record(organization_id, "sign_out", f"user {principal.username}", principal.actor, now)


def ask(problem: Problem) -> Response:
    """401 in the form that the asker can use."""
    target = "/login?" + urlencode({"next": here()})
    if request.headers.get("HX-Request") != "true":
        return redirect(target, 302 if request.method in SAFE else 303)  # type: ignore[return-value]
    response = make_response("", 401)
    if polled(request):
        return htmx.tell(response, {"signed-out": {"text": problem.text, "href": target}})
    response.headers["HX-Redirect"] = target
    return response


def polled(request: Request) -> bool:
    """By the page itself, not by a person: nothing that they typed may be swept away by a redirect."""
    return request.headers.get("X-Poll") == "1" or "If-None-Match" in request.headers


def _key(request: Request) -> str | None:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind:
        return value.strip() if kind.lower() == "bearer" else ""
    return request.headers.get("X-API-Key")


def _failed(user_id: int, username: str, now: datetime) -> None:
    db.session.execute(sa.update(User).where(User.id == user_id).values(failed_logins=User.failed_logins + 1))
    user = db.session.get(User, user_id)
    where = lifecycle.organization_ids(user) if user else []
    for organization_id in where or [None]:
        audit.record(organization_id, "sign_in.failed", f"user {username[:64]}", Actor("anonymous", username[:64]), now)


def _succeeded(user: User, fresh_hash: str | None, ip: str, agent: str, now: datetime) -> str:
    user.password_hash = fresh_hash or user.password_hash
    secret = sessions.start(user, ip, agent, now)
    what = {"failed_before": user.failed_logins, "session": facts.hashed(secret)[:8]}
    user.failed_logins, user.last_login_at = 0, now
    for organization_id in lifecycle.organization_ids(user) or [None]:
        audit.record(
            organization_id, "sign_in", f"user {user.username}", Actor("user", user.username, user.id), now, after=what
        )
    return secret
