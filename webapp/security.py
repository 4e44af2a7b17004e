"""What guards every request: headers, same-site checks, form tokens, limits."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Request, Response, current_app, g, request, session
from flask_login import current_user

from webapp import queue
from webapp.language import N_, _
from webapp.refusal import Problem

SAFE = ("GET", "HEAD", "OPTIONS")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
MASK = f"form-token-{secrets.token_hex(16)}"  # where a form token is to stand
TOO_OLD = N_("This page is too old. Reload it, then try again")


def init(app: Flask) -> None:
    app.before_request(check_origin)
    app.after_request(add_headers)


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def check_origin() -> None:
    """A changing request must come from one of our own pages, unless it carries a key that browsers never add."""
    if request.method in SAFE or _exempt(request):
        return
    if not (_same_site(request) and hmac.compare_digest(_token_given(request).encode(), csrf_token().encode())):
        raise Problem(403, _(TOO_OLD), title=_("This page is too old"))


def csrf_token() -> str:
    """Tied to the browser's secret: another session's is worth nothing, and signing in or out voids it."""
    if g.get("csrf_masked"):
        return MASK
    return form_token(str(current_app.secret_key), session.known_secret())  # type: ignore[attr-defined]


@contextmanager
def masked() -> Iterator[None]:
    """Markup that is made in here is for many readers: `MASK` stands where each gets their own form token."""
    before, g.csrf_masked = g.get("csrf_masked", False), True
    try:
        yield
    finally:
        g.csrf_masked = before


def form_token(key: str, secret: str) -> str:
    return hmac.new(key.encode(), f"form:{secret}".encode(), hashlib.sha256).hexdigest()


def same_origin_path(target: str | None, otherwise: str = "/") -> str:
    """Where to go after signing in: a path of ours, never another host however it is written."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return otherwise
    if "\\" in target or any(ord(letter) < 32 or ord(letter) == 127 for letter in target):
        return otherwise
    parts = urlsplit(target)
    return otherwise if parts.scheme or parts.netloc else target


def here() -> str:
    """Where the person is: the page, also when a fragment or a button of it asked."""
    if request.headers.get("HX-Request") == "true" or request.method not in SAFE:
        page = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "/")
        return same_origin_path(page.path + (f"?{page.query}" if page.query else ""))
    return same_origin_path(request.full_path.rstrip("?"))


@dataclass(frozen=True)
class Limit:
    """At most `times` in `seconds` from the first, counted in the broker, or here while the broker is away."""

    name: str
    times: int
    seconds: int

    def hit(self, who: str) -> int | None:
        """Counts one more. None, or how many seconds to wait."""
        key = self.key(who)
        count = queue.incr(key, seconds=self.seconds)
        if count is None:
            return _own.hit(key, self)
        if count == 1:
            queue.put(f"{key}:end", str(time.time() + self.seconds), self.seconds)
        if count <= self.times:
            return None
        end = float(queue.get(f"{key}:end") or 0)
        return max(1, math.ceil(end - time.time()))

    def forgive(self, who: str) -> None:
        """A success: what came before was a person who had to think."""
        queue.delete(self.key(who))
        _own.kept.pop(self.key(who), None)

    def key(self, who: str) -> str:
        return f"muster:limit:{self.name}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"


def enforce(limits: Iterable[tuple[Limit, str]]) -> None:
    waits = [wait for limit, who in limits if (wait := limit.hit(who))]
    if waits:
        raise too_many(max(waits))


def too_many(seconds: int) -> Problem:
    text = _("Too many requests. Try again in %(seconds)s s", seconds=seconds)
    if seconds >= 120:
        text = _("Too many requests. Try again in %(minutes)s minutes", minutes=math.ceil(seconds / 60))
    return Problem(429, text, headers={"Retry-After": str(seconds)})


class Counts:
    """Counts of this process alone, bounded, for the time without a broker."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, float]] = {}

    def hit(self, key: str, limit: Limit) -> int | None:
        if len(self.kept) > 10_000:
            self.kept.clear()
        now = time.monotonic()
        count, end = self.kept.get(key, (0, 0.0))
        if now >= end:
            count, end = 0, now + limit.seconds
        self.kept[key] = count + 1, end
        return None if count < limit.times else max(1, math.ceil(end - now))


_own = Counts()


def _exempt(request: Request) -> bool:
    if "Authorization" in request.headers or "X-API-Key" in request.headers:
        return True  # such a request has no session: see Sessions.open_session
    access = getattr(current_app.view_functions.get(request.endpoint or ""), "access", None)
    if access is None or not access.csrf:
        return True
    return not access.public and current_user.is_anonymous  # refused anyway, and "Sign in" is the better answer


def _same_site(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _token_given(request: Request) -> str:
    return request.headers.get("X-CSRFToken") or request.form.get("csrf_token") or ""
