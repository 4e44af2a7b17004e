"""The plugins that this process knows, found once and again when the plugins folder changes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from flask import current_app

from webapp.plugins.discovery import Catalogue, Plugin, discover

LOOK_AGAIN = 5.0  # seconds between looks at the folder's times


@dataclass
class Shelf:
    catalogue: Catalogue | None = None
    stamp: tuple[tuple[str, float], ...] = ()
    looked: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


def catalogue() -> Catalogue:
    folder = current_app.extensions["settings"].plugins_folder
    shelf: Shelf = current_app.extensions.setdefault("plugins", Shelf())
    if shelf.catalogue is not None and time.monotonic() - shelf.looked < LOOK_AGAIN:
        return shelf.catalogue
    with shelf.lock:
        stamp = _stamp(folder)
        if shelf.catalogue is None or stamp != shelf.stamp:
            shelf.catalogue, shelf.stamp = discover(folder) if stamp else _shipped(), stamp
        shelf.looked = time.monotonic()
        return shelf.catalogue


def find(plugin_id: str) -> Plugin | None:
    return catalogue().plugins.get(plugin_id)


def _shipped() -> Catalogue:
    """A copy for each app, since a catalogue can be changed."""
    found = _found_once()
    return Catalogue(dict(found.plugins), list(found.broken))


@cache
def _found_once() -> Catalogue:
    """Shipped and installed plugins do not change while a process lives."""
    return discover()


def _stamp(folder: Path | None) -> tuple[tuple[str, float], ...]:
    if folder is None or not folder.is_dir():
        return ()
    return tuple(
        sorted((path.name, path.stat().st_mtime) for path in folder.iterdir() if not path.name.startswith("."))
    )
