"""Where hosts find this server."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request

HERE = ("127.0.0.1", "localhost", "::1")


def server() -> str:
    """The address that its owner has set, else the one under which this request came."""
    settings = current_app.extensions["settings"]
    if settings.origin("url") != "default" or not urlsplit(request.host_url).netloc:
        return str(settings.url).rstrip("/")
    return request.host_url.rstrip("/")


def only_here(url: str) -> bool:
    """Whether no other host can reach it."""
    return urlsplit(url).hostname in HERE
