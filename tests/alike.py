"""Each test has an app of its own; what three hundred routes and all templates compile to is made once for all."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import pytest
from flask import Flask
from jinja2 import Environment
from werkzeug.routing import Map, Rule
from werkzeug.routing.matcher import StateMachineMatcher

from webapp.config import Settings

templates: list[Environment] = []


class Routes(Map):
    """Reads the rules of the first app until a test adds one of its own."""

    first: ClassVar[Routes | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known: set[Hashable] = set()
        if self.first is not None:
            self.known = {key(rule) for rule in self.first.iter_rules()}
            self._share(self.first)

    def add(self, rulefactory: Any) -> None:
        if key(rulefactory) in self.known:
            return
        if self.known:
            self._leave()
        super().add(rulefactory)

    def _share(self, first: Routes) -> None:
        first.update()
        self._matcher, self._rules_by_endpoint = first._matcher, first._rules_by_endpoint
        self._remap = False

    def _leave(self) -> None:
        rules, self.known = list(self.iter_rules()), set()
        self._matcher, self._rules_by_endpoint = StateMachineMatcher(self.merge_slashes), {}
        for rule in rules:
            copy = rule.empty()
            copy.provide_automatic_options = rule.provide_automatic_options  # type: ignore[attr-defined]
            super().add(copy)


def create_app(settings: Settings) -> Flask:
    from webapp import app as whole

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Flask, "url_map_class", Routes)
        if Routes.first is None:
            first = whole.create_app(settings)
            Routes.first = first.url_map  # type: ignore[assignment]
            templates.append(first.jinja_env)
        app = whole.create_app(settings)
    app.jinja_env = templates[0]  # type: ignore[misc]
    return app


def key(rule: Rule) -> Hashable:
    return rule.rule, rule.endpoint, frozenset(rule.methods or ()), repr(rule.defaults)
