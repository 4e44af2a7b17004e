"""How a view answers: a whole page or its live fragment, a changed row or a redirect."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request

VARY = "HX-Request, HX-Request-Type, Cookie, Accept-Language"


def wanted() -> bool:
    """Only a partial htmx request gets a fragment; history restores and plain requests get the page."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-Request-Type", "partial") == "partial"


def page(template: str, fragment: str, status: int = 200, **context: Any) -> Response:
    """One URL, two markups: the fragment is the same file that the page includes."""
    return vary(make_response(render_template(fragment if wanted() else template, **context), status))


def changed(
    fragment: str | None,
    back: str,
    text: str = "",
    *,
    refresh: str = "",
    status: int = 200,
    undo: dict[str, str] | None = None,
    href: str = "",
    **context: Any,
) -> Response:
    """After a verb: the fresh fragment (or nothing, and a toast) for htmx; 303 and a flash for a plain form.

    `undo` and `href` are the toast's: how to take it back, and where what was made can be seen.
    """
    if not wanted():
        if text:
            tell_next_page(text, undo)
        return redirect(back, 303)  # type: ignore[return-value]
    body = render_template(fragment, **context) if fragment else ""
    response = make_response(body, status if body else 204)
    news: dict[str, Any] = {}
    if text:
        more = {"undo": undo, "href": href}
        news["toast"] = {"text": text, "tone": "success"} | {name: value for name, value in more.items() if value}
    if refresh:
        news["list:refresh"] = {"lists": [refresh]}
    return vary(tell(response, news))


def moved(to: str, text: str, undo: dict[str, str] | None = None) -> Response:
    """After a verb that changes more of the page than a fragment, or ends the page: a fresh one, which says so."""
    tell_next_page(text, undo)
    if wanted():
        return vary(make_response("", 204, {"HX-Redirect": to}))
    return vary(redirect(to, 303))  # type: ignore[arg-type]


def tell_next_page(text: str, undo: dict[str, str] | None = None) -> None:
    """`undo`: the address that takes it back, beside the tone."""
    flash(text, f"success {undo['url']}" if undo else "success")


def refused(text: str, back: str, status: int = 409, refresh: str = "") -> Response:
    """A verb said no: a toast and a refreshed row for htmx, a flash and the page for a plain form."""
    if not wanted():
        flash(text, "danger")
        return redirect(back, 303)  # type: ignore[return-value]
    news: dict[str, Any] = {"toast": {"text": text, "tone": "danger"}}
    if refresh:
        news["list:refresh"] = {"lists": [refresh]}
    return vary(tell(make_response("", status), news))


def tell(response: Response, news: dict[str, Any]) -> Response:
    if news:
        response.headers["HX-Trigger"] = json.dumps(news)  # ASCII-escaped: header bytes
    return response


def tell_more(response: Response, news: dict[str, Any]) -> Response:
    return tell(response, json.loads(response.headers.get("HX-Trigger", "{}")) | news)


def vary(response: Response) -> Response:
    response.headers["Vary"] = VARY
    response.headers["Cache-Control"] = "no-store"
    return response
