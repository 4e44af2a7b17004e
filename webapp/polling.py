"""Unchanged polls cost one look into the broker: no SQL, no template, no body.

A fragment is named by a tag: what the reader may see and how they want it, the address, and one counter for each
organisation that every commit with news raises. The tag is taken before the rows are read, so a page is never older
than its tag says. Without the broker there is no tag, and the page is rendered.

The tag begins with what it depends on beyond that, so that `webapp/gate.py` can make it again without the view.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, wraps
from typing import Any, NamedTuple, overload
from urllib.parse import parse_qsl, urlencode

from flask import Flask, Response, g, make_response, request

from webapp import clock, htmx, language, pages, queue
from webapp.access.principal import Principal, principal
from webapp.events import revision_key
from webapp.kept import Kept
from webapp.news import bell
from webapp.security import MASK, csrf_token, masked

View = Callable[..., Any]

SET_ANEW = ("Content-Length", "Cache-Control", "Vary")  # on every answer, also on one from here


class Kind(NamedTuple):
    """What a tag depends on: this reader alone, all their organisations, a clock that ticks every so many seconds."""

    personal: bool = False
    wide: bool = False
    every: int = 0

    def __str__(self) -> str:
        return f"v1{'p' * self.personal}{'w' * self.wide}{f'e{self.every}' if self.every else ''}"

    @classmethod
    def of(cls, tag: str) -> Kind | None:
        found = re.match(r'(?:W/)?"v1(p?)(w?)(?:e(\d{1,6}))?-[0-9a-f]{32}"$', tag)
        return cls(bool(found[1]), bool(found[2]), int(found[3] or 0)) if found else None


def init(app: Flask) -> None:
    app.jinja_env.globals["poll_tag"] = poll_tag


@overload
def cached(view: View, /) -> View: ...
@overload
def cached(*, personal: bool = False, every: int = 0) -> Callable[[View], View]: ...
def cached(view: Any = None, /, *, personal: bool = False, every: int = 0) -> Any:
    """For a view that answers with `htmx.page`, under `@requires`.

    `personal`: what it shows depends on who asks, beyond rights and preferences (`owner=me`).
    `every`: it also depends on the time of day (`since=24h`): renew it after so many seconds.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def polled(*args: Any, **kwargs: Any) -> Any:
            kind = Kind(personal, bool(request.view_args), every)
            tag = g.poll_tag = tag_of_request(kind)
            if not tag or not htmx.wanted():
                return view(*args, **kwargs)
            if request.headers.get("If-None-Match", "").removeprefix("W/") == tag:
                return _tagged(Response(status=304), tag)
            return _tagged(_rendered(tag, lambda: view(*args, **kwargs)), tag)

        return polled

    return decorate(view) if view else decorate


def poll_tag(**seen: Any) -> str:
    """For `data-tag` of a live list, so that already the first poll can be answered with 304.

    `seen`: what the list's own polls say beside the page's address.
    """
    if not g.get("poll_tag"):
        return ""
    asked = [pair for pair in request.args.items(multi=True) if pair[0] not in seen]
    return _tag(urlencode([*asked, *seen.items()])) if seen else g.poll_tag


def tag_of_request(kind: Kind) -> str | None:
    epoch, waiting, *counted = queue.mget([queue.EPOCH, *keys(kind, principal)])
    word = epoch or (queue.epoch() or "").encode()
    if not word:
        return None
    g.bell = bell.count(principal, waiting)
    g.poll_parts = kind, [word, str(g.bell).encode(), *counted]
    return _tag(request.environ["QUERY_STRING"])


def tag_of(kind: Kind, who: Principal, spoken: str, path: str, query: str, revisions: Iterable[bytes | None]) -> str:
    parts = (
        str(kind),
        pages.templates_version(),
        who.stamp,
        spoken,
        who.username if kind.personal else "",
        str(int(clock.now().timestamp()) // kind.every) if kind.every else "",
        path,
        canonical(query),
        *((revision or b"").decode() for revision in revisions),
    )
    return f'"{kind}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"'


def keys(kind: Kind, who: Principal) -> Sequence[str]:
    """Where the broker keeps what a tag is made of: how much waits for this person, so that each answer brings it, and
    the counters. A page of one thing may show one of any organisation, a list those of the chosen."""
    shown = who.rights if kind.wide else [org.id for org in who.seen]
    return [bell.key(who.id), *(revision_key(organization_id) for organization_id in shown)]


@lru_cache(maxsize=1024)
def canonical(query: str) -> str:
    return urlencode(sorted(parse_qsl(query)))


class Fragment:
    """A rendered answer, cut where each reader's own form token stands."""

    def __init__(self, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.headers = [pair for pair in headers if pair[0] not in SET_ANEW]
        self.size = len(body)
        self.pieces = body.split(MASK.encode())

    def for_token(self, token: str) -> bytes:
        return token.encode().join(self.pieces)


fragments: Kept[Fragment] = Kept(512, 16 * 2**20, lambda fragment: fragment.size)  # the latest of this process


def _tag(query: str) -> str:
    kind, revisions = g.poll_parts
    return tag_of(kind, principal, language.current(), request.environ["PATH_INFO"], query, revisions)


def _rendered(tag: str, render: Callable[[], Any]) -> Response:
    fragment = fragments.get(tag)
    if fragment is None:
        with masked():
            response = htmx.tell_more(make_response(render()), bell.news(g.bell))
        fragment = Fragment(response.headers, response.get_data())
        if response.status_code != 200:
            response.set_data(fragment.for_token(csrf_token()))
            return response
        fragments.put(tag, fragment)
    return Response(fragment.for_token(csrf_token()), headers=fragment.headers)


def _tagged(response: Response, tag: str) -> Response:
    response.headers["ETag"] = tag
    return htmx.vary(response)
