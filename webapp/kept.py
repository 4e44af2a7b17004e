"""Markup that comes out the same again and again is kept for the values that it was made from.

    {{ kept("_header.html", principal.stamp) }}    {% include "_header.html" %}, made anew when the stamp is another
    {{ kept(task_row, task, columns) }}            {{ task_row(task, columns) }}

So the values, and the language, have to say all that the markup depends on; whatever is not among them must not change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

from flask import Flask
from jinja2 import pass_context
from jinja2.runtime import Context, Macro
from markupsafe import Markup

from webapp import language
from webapp.security import MASK, csrf_token, masked

V = TypeVar("V")


class Kept(Generic[V]):
    """The values used last, up to a number and a size."""

    def __init__(self, most: int, bytes: int, size: Callable[[V], int]) -> None:
        self.most, self.bytes, self.size = most, bytes, size
        self.held = 0
        self.values: OrderedDict[Hashable, V] = OrderedDict()
        self.lock = Lock()

    def get(self, key: Hashable) -> V | None:
        with self.lock:
            value = self.values.get(key)
            if value is not None:
                self.values.move_to_end(key)
            return value

    def put(self, key: Hashable, value: V) -> None:
        size = self.size(value)
        with self.lock:
            if key in self.values or size > self.bytes // 4:
                return
            self.values[key] = value
            self.held += size
            while len(self.values) > self.most or self.held > self.bytes:
                self.held -= self.size(self.values.popitem(last=False)[1])

    def clear(self) -> None:
        with self.lock:
            self.values.clear()
            self.held = 0


class Piece(NamedTuple):
    markup: Markup
    masked: bool  # a form token stands in it, which is each reader's own


pieces: Kept[Piece] = Kept(4096, 8 * 2**20, lambda piece: len(piece.markup))


def init(app: Flask) -> None:
    app.jinja_env.globals["kept"] = kept


@pass_context
def kept(context: Context, what: str | Macro, *values: Any) -> Markup:
    name = what if isinstance(what, str) else _whole_name(what)
    key = (name, language.current(), *map(_frozen, values))
    piece = pieces.get(key)
    if piece is None:
        with masked():
            markup = Markup(_included(context, what) if isinstance(what, str) else what(*values))
        piece = Piece(markup, MASK in markup)
        pieces.put(key, piece)
    return piece.markup.replace(MASK, csrf_token()) if piece.masked else piece.markup


def _whole_name(macro: Macro) -> Hashable:
    """Two templates may each have a macro of the same name."""
    return macro._func.__code__.co_filename, macro.name


def _included(context: Context, name: str) -> str:
    template = context.environment.get_template(name)
    return "".join(template.root_render_func(template.new_context(context.get_all(), shared=True)))


def _frozen(value: Any) -> Hashable:
    """Lists and dicts by what they hold now."""
    if isinstance(value, dict):
        return tuple((name, _frozen(each)) for name, each in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
