"""In front of Flask: a poll whose answer is known is answered with one round trip to the broker.

Everything that is not plainly such a poll goes on to the application. A reader is told that nothing has changed, or
gets a fragment that this process has rendered for the very same rights, only while their session's facts stand in the
broker: the tag is made of those facts, so nobody gets by it what the view would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Any

from flask import Flask

from webapp import clock, language, polling, queue
from webapp.access import facts, sessions
from webapp.htmx import VARY
from webapp.polling import Kind
from webapp.security import HEADERS, form_token

Environ = dict[str, Any]
Start = Callable[..., Any]

ALWAYS = [*HEADERS.items(), ("Cache-Control", "no-store"), ("Vary", VARY)]


class Gate:
    def __init__(self, app: Flask) -> None:
        self.inner = app.wsgi_app
        self.key = str(app.secret_key)
        self.languages = app.extensions["languages"]

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        kind = Kind.of(environ.get("HTTP_IF_NONE_MATCH", ""))
        if kind is None or not _polls(environ):
            return self.inner(environ, start)
        secret = _secret(environ)
        tag = self.tag(kind, secret, environ) if secret else None
        if tag is None:
            return self.inner(environ, start)
        if tag == environ["HTTP_IF_NONE_MATCH"].removeprefix("W/"):
            start("304 NOT MODIFIED", [*ALWAYS, ("ETag", tag)])
            return []
        fragment = polling.fragments.get(tag)
        if fragment is None:
            return self.inner(environ, start)
        body = fragment.for_token(form_token(self.key, secret))
        start("200 OK", [*fragment.headers, *ALWAYS, ("ETag", tag), ("Content-Length", str(len(body)))])
        return [body]

    def tag(self, kind: Kind, secret: str, environ: Environ) -> str | None:
        """As the view would make it; None where there is more to do than to answer."""
        credential = facts.hashed(secret)
        guess = _revision_keys.get((credential, kind), ())
        kept, count, *revisions = queue.mget([facts.key(credential), facts.COUNT, queue.EPOCH, *guess])
        known = facts.read(credential, kept, count)
        if known is None or not sessions.quiet(known, clock.now()) or known.principal.must_change_password:
            return None
        keys = tuple(polling.keys(kind, known.principal))
        if keys != guess:
            _remember((credential, kind), keys)
            revisions = queue.mget([queue.EPOCH, *keys])
        if revisions[0] is None or revisions[1] is None:
            return None
        spoken = language.chosen(self.languages, known.principal.prefs["language"], *_wishes(environ))
        return polling.tag_of(kind, known.principal, spoken, environ["PATH_INFO"], environ["QUERY_STRING"], revisions)


# Which counters a reader needs is known from last time, so that one round trip fetches everything.
_revision_keys: dict[tuple[str, Kind], tuple[str, ...]] = {}


def _remember(reader: tuple[str, Kind], keys: tuple[str, ...]) -> None:
    if len(_revision_keys) > 4096:
        _revision_keys.clear()
    _revision_keys[reader] = keys


def _polls(environ: Environ) -> bool:
    return (
        environ["REQUEST_METHOD"] == "GET"
        and environ.get("HTTP_HX_REQUEST") == "true"
        and environ.get("HTTP_HX_REQUEST_TYPE", "partial") == "partial"
        and "HTTP_AUTHORIZATION" not in environ
        and "HTTP_X_API_KEY" not in environ
    )


def _wishes(environ: Environ) -> tuple[str, str]:
    return environ.get("HTTP_COOKIE", ""), environ.get("HTTP_ACCEPT_LANGUAGE", "")


def _secret(environ: Environ) -> str:
    name = sessions.cookie_name_for(environ["wsgi.url_scheme"] == "https")
    return _cookie(environ.get("HTTP_COOKIE", ""), name)


@lru_cache(maxsize=4096)
def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found and not found.value.startswith(sessions.ANONYMOUS) else ""
