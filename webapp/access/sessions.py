"""Sign-ins kept by the server: a row each, a random secret in the browser, an end that is at once."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog
from flask import Flask, Request, Response, current_app, request
from flask.sessions import SessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import OperationalError

from webapp.access import audit, facts
from webapp.access.models import Session, User
from webapp.access.principal import Principal
from webapp.config import LOOPBACK, Settings
from webapp.db import db, unit

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
NOTED = timedelta(minutes=5)  # how exactly the row knows when it was last used
FLASH_COOKIE = "muster_flash"
FLASH_SECONDS = 300
ANONYMOUS = "a."  # starts the secret of a browser that has not signed in: no row is looked for

log = structlog.get_logger("access")


def start(user: User, ip: str, agent: str, now: datetime) -> str:
    """The secret for the browser. Always a new one, so that nobody can plant theirs before a sign-in."""
    secret = secrets.token_urlsafe(32)
    db.session.add(
        Session(id=facts.hashed(secret), user_id=user.id, created_at=now, seen_at=now, ip=ip, agent=agent[:300])
    )
    return secret


def end(session_id: str, now: datetime) -> None:
    _end(Session.id == session_id, now=now)


def end_all(user_ids: Collection[int], now: datetime, but: str = "") -> None:
    """Of these people; `but` one may go on, the one that asks for it."""
    _end(Session.user_id.in_(user_ids), Session.id != but, now=now)


def choose(session_id: str, organization_id: int | None) -> None:
    """The organisation whose rows the pages show; None = all of them."""
    db.session.get_one(Session, session_id).data = {"organization": organization_id}
    audit.unremarkable()
    facts.changed()


def principal_of(secret: str, now: datetime) -> Principal | None:
    if not secret or secret.startswith(ANONYMOUS):
        return None
    known = facts.known(facts.hashed(secret), lambda: _load(facts.hashed(secret)))
    if known is None or now >= known.until or now >= known.seen + IDLE:
        return None
    if not quiet(known, now):
        _note(known.principal.credential, now)
    return known.principal


def quiet(known: facts.Known, now: datetime) -> bool:
    """Nothing is to be done about it: neither ended nor to be noted as in use."""
    return now < known.until and now < known.seen + NOTED


def live(now: datetime) -> sa.Select[Session]:
    return sa.select(Session).where(
        Session.revoked_at.is_(None), Session.seen_at > now - IDLE, Session.created_at > now - LONGEST
    )


def prune(now: datetime) -> int:
    """Forget sessions that ended a month ago. For the caretaker."""
    gone = db.session.execute(sa.delete(Session).where(Session.created_at < now - LONGEST - timedelta(days=30)))
    return int(gone.rowcount)  # type: ignore[attr-defined]


class BrowserSession(dict, SessionMixin):
    """What Flask calls the session: the browser's secret, and flashes on their way to the next page."""

    def __init__(
        self, secret: str = "", flashes: list[tuple[str, str]] | None = None, by_program: bool = False
    ) -> None:
        super().__init__({"_flashes": flashes} if flashes else {})
        self.by_program = by_program
        self.given = secret
        self.secret = secret
        self.had_flashes = bool(flashes)

    def begin(self, secret: str) -> None:
        self.secret = secret

    def known_secret(self) -> str:
        """Something that only this browser and we know, so that forms can be tied to it before a sign-in, too."""
        if not self.secret:
            self.secret = ANONYMOUS + secrets.token_urlsafe(32)
        return self.secret


class Sessions(SessionInterface):
    def open_session(self, app: Flask, request: Request) -> BrowserSession:
        if "Authorization" in request.headers or "X-API-Key" in request.headers:
            return BrowserSession(by_program=True)  # its key is the only thing that counts, and it gets no cookie
        return BrowserSession(request.cookies.get(cookie_name(request), ""), self._flashes(app, request))

    def save_session(self, app: Flask, session: BrowserSession, response: Response) -> None:  # type: ignore[override]
        if stray := session.keys() - {"_flashes"}:
            raise TypeError(f"the session keeps no values of views: {sorted(stray)}")
        if session.by_program:
            return
        secure = request.is_secure
        if session.secret != session.given:
            name = cookie_name_for(secure)
            if session.secret:
                life = int(LONGEST.total_seconds()) if not session.secret.startswith(ANONYMOUS) else None
                response.set_cookie(name, session.secret, life, secure=secure, httponly=True, samesite="Lax", path="/")
            else:
                response.delete_cookie(name, secure=secure, httponly=True, samesite="Lax", path="/")
        if session.get("_flashes"):
            text = str(_signer(app).dumps(session["_flashes"]))
            response.set_cookie(FLASH_COOKIE, text, FLASH_SECONDS, secure=secure, httponly=True, samesite="Lax")
        elif session.had_flashes:
            response.delete_cookie(FLASH_COOKIE, secure=secure, httponly=True, samesite="Lax")

    def _flashes(self, app: Flask, request: Request) -> list[tuple[str, str]]:
        try:
            kept = _signer(app).loads(request.cookies.get(FLASH_COOKIE, ""), max_age=FLASH_SECONDS)
        except BadSignature:
            return []
        return [(str(category), str(text)) for category, text in kept]


def cookie_name(request: Request) -> str:
    return cookie_name_for(request.is_secure)


def cookie_name_for(secure: bool) -> str:
    """Browsers keep a `__Host-` cookie only over TLS, and then nobody but this very host can have set it."""
    return "__Host-muster" if secure else "muster_session"


def safe_line(request: Request, settings: Settings) -> bool:
    """A secret may travel over TLS, within this machine, or where the operator has written an http address."""
    if request.is_secure or settings.loopback:
        return True
    named = settings.origin("url") != "default" and urlsplit(settings.url).netloc == request.host
    return named or (urlsplit(f"//{request.host}").hostname or "") in LOOPBACK


def _end(*which: sa.ColumnElement[bool], now: datetime) -> None:
    db.session.execute(sa.update(Session).where(*which, Session.revoked_at.is_(None)).values(revoked_at=now))
    facts.changed()


def _load(session_id: str) -> facts.Facts | None:
    with unit(current_app._get_current_object(), "who signs in", reading=True) as session:  # type: ignore[attr-defined]
        row = session.get(Session, session_id)
        if row is None or row.revoked_at or not row.user.active:
            return None
        account = facts.account(row.user, (row.data or {}).get("organization"))
        return facts.Facts("user", account, row.created_at + LONGEST, row.seen_at)


def _note(session_id: str, now: datetime) -> None:
    """That it is in use, in a transaction of its own: the request itself may be one that only reads."""
    try:
        with unit(current_app._get_current_object(), "session in use") as session:  # type: ignore[attr-defined]
            session.execute(sa.update(Session).where(Session.id == session_id).values(seen_at=now))
    except OperationalError as error:
        log.warning("a session's use was not noted", error=str(error.orig))
    facts.forget(session_id)


def _signer(app: Flask) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(app.secret_key), "flash")
