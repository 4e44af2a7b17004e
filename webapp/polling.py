"""Unchanged polls cost one look into the broker: no SQL, no template, no body.

A list is named by a tag: what the reader may see and how they want it, the address, and one counter for each
organisation that every commit with news raises. The tag is taken before the rows are read, so a page is never older
than its tag says. Without the broker there is no tag, and the page is rendered.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import wraps
from threading import Lock
from typing import Any, NamedTuple, overload
from urllib.parse import urlencode

from flask import Flask, Response, g, make_response, request

from webapp import clock, htmx, pages, queue
from webapp.access.principal import principal
from webapp.db import Scope, db
from webapp.events import revision_key
from webapp.security import csrf_token

View = Callable[..., Any]

# Rendered fragments are shared by all who have the same rights; each gets their own form token in this place.
MASK = f"form-token-{secrets.token_hex(16)}"


def init(app: Flask) -> None:
    app.jinja_env.globals["poll_tag"] = poll_tag


@overload
def cached(view: View, /) -> View: ...
@overload
def cached(*, personal: bool = False, every: int | None = None) -> Callable[[View], View]: ...
def cached(view: Any = None, /, *, personal: bool = False, every: int | None = None) -> Any:
    """For a view that answers with `htmx.page`, under `@requires`.

    `personal`: what it shows depends on who asks, beyond rights and preferences (`owner=me`).
    `every`: it also depends on the time of day (`since=24h`): renew it after so many seconds.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def polled(*args: Any, **kwargs: Any) -> Any:
            tag = g.poll_tag = tag_of_request(personal, every)
            if not tag or not htmx.wanted():
                return view(*args, **kwargs)
            if request.headers.get("If-None-Match", "").removeprefix("W/") == tag:
                return _tagged(Response(status=304), tag)
            return _tagged(_shared(tag, lambda: view(*args, **kwargs)), tag)

        return polled

    return decorate(view) if view else decorate


def poll_tag(**seen: Any) -> str:
    """For `data-tag` of a live list, so that already the first poll can be answered with 304.

    `seen`: what the list's own polls say beside the page's address; they are nobody's in particular.
    """
    if seen and g.get("poll_tag"):
        asked = [pair for pair in request.args.items(multi=True) if pair[0] not in seen]
        return _tag(g.poll_parts, [*asked, *((name, str(value)) for name, value in seen.items())])
    return g.get("poll_tag") or ""


def tag_of_request(personal: bool = False, every: int | None = None) -> str | None:
    revisions = _revisions()
    if revisions is None:
        return None
    g.poll_parts = (
        pages.templates_version(),
        principal.stamp,
        str(int(clock.now().timestamp()) // every) if every else "",
        request.path,
        *revisions,
    )
    return _tag(g.poll_parts, request.args.items(multi=True), str(principal.id) if personal else "")


def _tag(parts: Iterable[str], args: Iterable[tuple[str, str]], whose: str = "") -> str:
    asked = urlencode(sorted((key, value) for key, value in args if value))
    return f'"v1-{hashlib.sha256(chr(0).join((*parts, asked, whose)).encode()).hexdigest()[:32]}"'


class Fragment(NamedTuple):
    headers: list[tuple[str, str]]
    body: bytes


class Fragments:
    """The latest answers of this process, up to a number and a size."""

    def __init__(self, most: int = 512, bytes: int = 16 * 2**20) -> None:
        self.most, self.bytes = most, bytes
        self.held = 0
        self.kept: OrderedDict[str, Fragment] = OrderedDict()
        self.lock = Lock()

    def get(self, tag: str) -> Fragment | None:
        with self.lock:
            if tag in self.kept:
                self.kept.move_to_end(tag)
            return self.kept.get(tag)

    def put(self, tag: str, fragment: Fragment) -> None:
        with self.lock:
            if tag in self.kept or len(fragment.body) > self.bytes // 4:
                return
            self.kept[tag] = fragment
            self.held += len(fragment.body)
            while len(self.kept) > self.most or self.held > self.bytes:
                self.held -= len(self.kept.popitem(last=False)[1].body)


_fragments = Fragments()


def _shared(tag: str, render: Callable[[], Any]) -> Response:
    fragment = _fragments.get(tag)
    if fragment is None:
        g.csrf_mask = MASK
        try:
            response = make_response(render())
        finally:
            del g.csrf_mask
        fragment = Fragment(list(response.headers), response.get_data())
        if response.status_code != 200:
            response.set_data(_unmasked(fragment.body))
            return response
        _fragments.put(tag, fragment)
    return Response(_unmasked(fragment.body), headers=fragment.headers)


def _unmasked(body: bytes) -> bytes:
    return body.replace(MASK.encode(), csrf_token().encode()) if MASK.encode() in body else body


def _tagged(response: Response, tag: str) -> Response:
    response.headers["ETag"] = tag
    return htmx.vary(response)


def _revisions() -> list[str] | None:
    """The broker's epoch and the counters of the organisations that this page can show."""
    scope: Scope | None = db.session().info.get("scope")
    shown = principal.rights.keys() if request.view_args or scope is None else scope.reading
    epoch, *found = queue.mget([queue.EPOCH, *(revision_key(organization_id) for organization_id in sorted(shown))])
    word = epoch.decode() if epoch else queue.epoch()
    return None if word is None else [word, *((count or b"").decode() for count in found)]
