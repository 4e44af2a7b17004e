"""One-time links with which somebody chooses a new password: signed, short-lived, void once it is changed."""

from __future__ import annotations

from flask import current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer

from webapp.access.models import User
from webapp.clock import iso
from webapp.db import db

SECONDS = 30 * 60


def link(user: User) -> str:
    text = str(_signer().dumps([user.id, iso(user.password_changed_at)]))
    return f"{current_app.extensions['settings'].url.rstrip('/')}/password/{text}"


def user_of(token: str) -> User | None:
    try:
        user_id, changed_at = _signer().loads(token, max_age=SECONDS)
    except (BadSignature, ValueError, TypeError):
        return None
    user = db.session.get(User, user_id)
    if user is None or not user.active or iso(user.password_changed_at) != changed_at:
        return None
    return user


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), "password-reset")
