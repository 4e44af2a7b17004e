"""What every template knows: rights, preferences, navigation, banners, and addresses of static files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from flask import Blueprint, Flask, Response, current_app, get_flashed_messages, request, send_from_directory
from flask.templating import Environment
from werkzeug.exceptions import NotFound

from webapp import clock, htmx, language, navigation, queue
from webapp.access import prefs
from webapp.access.guards import public
from webapp.access.permissions import Permission
from webapp.access.principal import Principal, principal
from webapp.config import VERSION
from webapp.db import db
from webapp.language import _
from webapp.news import bell
from webapp.security import csrf_token

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "static"
HASHED = re.compile(r"^(?P<name>.+)\.(?P<hash>[0-9a-f]{12})(?P<ending>\.[a-z0-9]+)$")
FOR_EVER = "public, max-age=31536000, immutable"

bp = Blueprint("static", __name__)


class Banner(NamedTuple):
    """Something that concerns the whole installation, on top of every page."""

    tone: str
    text: str
    href: str = ""
    label: str = ""


class Templates(Environment):
    """Ours have no globals of their own: the environment's dict itself is compared at each import ten times as fast."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


def init(app: Flask) -> None:
    app.jinja_env.undefined = jinja2.StrictUndefined
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        language.block, language.counted_in_template, newstyle=True
    )
    # Ours: what the extension puts around each text costs ten times as much.
    app.jinja_env.globals.update(
        _=language.in_template, gettext=language.block, ngettext=language.counted_in_template, language=language.current
    )
    app.jinja_env.globals["script_words"] = script_words
    app.jinja_env.globals.update(
        Permission=Permission, asset=asset, bell=bell, can=can, csrf_token=csrf_token, version=VERSION
    )
    app.jinja_env.filters.update(iso=clock.iso, size=size, thousands=thousands)
    app.context_processor(context)
    app.extensions["banners"] = [broker_away]
    app.extensions["pinned"] = []
    app.register_blueprint(bp)


def add_banner(app: Flask, banner: Callable[[], Banner | None]) -> None:
    app.extensions["banners"].append(banner)


def add_pins(app: Flask, pins: Callable[[Principal], Iterable[Any]]) -> None:
    """What people have put into the menu themselves; each has a name and a query."""
    app.extensions["pinned"].append(pins)


def pinned() -> list[Any]:
    """Not on a page that only says what went wrong: nobody's rows may be read there."""
    if db.session().info.get("scope") is None:
        return []
    return [each for pins in current_app.extensions["pinned"] for each in pins(principal)] if principal else []


def unread() -> int:
    """On the bell; nothing on a page that only says what went wrong."""
    return bell.of_page() if principal.kind == "user" and db.session().info.get("scope") is not None else 0


def context() -> dict[str, Any]:
    who: Principal = principal._get_current_object()  # type: ignore[attr-defined]
    return {
        "principal": who,
        "prefs": who.prefs if who else prefs.of_cookies(request.cookies),
        "nav": (navigation.sections if htmx.wanted() else navigation.menu)(current_app, who, request.path),
        "pinned": pinned,
        "unread": unread,
        "tabs_of": tabs_of,
        "banners": [found for banner in current_app.extensions["banners"] if (found := banner())],
        "flashes": Flashes(),
        "server_time": clock.now(),
    }


def tabs_of(name: str) -> list[dict[str, Any]]:
    return navigation.tabs(current_app, principal, name, request.path.rstrip("/"))


class Flashes:
    """Read when a page shows them: a fragment, which does not, leaves them for the next page."""

    def __iter__(self) -> Any:
        kept: Any = get_flashed_messages(with_categories=True)
        for category, text in kept:
            tone, _, undo = category.partition(" ")
            yield "success" if tone == "message" else tone, text, undo


def can(permission: Permission, org_id: int | None = None) -> bool:
    return principal.can(Permission(permission), org_id)


def asset(path: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep it for ever."""
    name, dot, ending = path.rpartition(".")
    return f"/static/{name}.{content_hash(path)}{dot}{ending}"


@cache
def content_hash(path: str) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


@bp.get("/static/<path:path>")
@public
def static(path: str) -> Response:
    """With the right hash in its name for ever, without one only for now."""
    hashed = HASHED.match(path)
    plain = hashed["name"] + hashed["ending"] if hashed else path
    response = send_from_directory(STATIC, plain, conditional=True)
    fresh = hashed is not None and hashed["hash"] == content_hash(plain)
    response.headers["Cache-Control"] = FOR_EVER if fresh else "no-cache"
    return response


@bp.get("/favicon.ico")
@public
def favicon() -> Response:
    if not (STATIC / "favicon-ok.svg").exists():
        raise NotFound
    return static("favicon-ok.svg")


@cache
def script_texts() -> list[str]:
    """What the scripts say."""
    scripts = "".join(path.read_text() for path in STATIC.glob("*.js"))
    return sorted(set(re.findall(r"\b_\('([^'\\]+)'", scripts)))


def script_words() -> dict[str, str]:
    """A page in another language than English carries them: scripts have no catalogue."""
    return {text: _(text) for text in script_texts()}


@cache
def templates_version() -> str:
    """Changes with every release, and with every template: part of the poll tags."""
    digest = hashlib.sha256(VERSION.encode())
    for path in sorted((ROOT / "templates").rglob("*.html")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def broker_away() -> Banner | None:
    if queue.away_since() is None:
        return None
    return Banner("warning", _("Redis is not reachable, so new tasks wait in the database. They start when it returns"))


def thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def size(count: int | None) -> str:
    """Bytes for people: 512 B, 1.4 kB, 20 MB."""
    if count is None:
        return "–"
    amount, units = float(count), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while amount >= 999.5 and unit != "TB":
        amount, unit = amount / 1000, next(units)
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
