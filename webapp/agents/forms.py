"""What people type about agents: the filter of the list, an enrolment token, tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange
from wtforms.validators import Optional as Empty

from webapp.access.forms import choices
from webapp.agents import queries
from webapp.agents.models import Agent
from webapp.agents.queries import Filter
from webapp.agents.states import Presence, State
from webapp.language import N_

SEVERAL = ("os", "arch", "version", "instance")  # fields of the filter of which any may be meant
LIVES = {"15": N_("15 minutes"), "60": N_("1 hour"), "1440": N_("1 day"), "10080": N_("7 days")}


class TokenForm(FlaskForm):
    note = StringField(N_("Note"), [Empty(), Length(max=300, message=N_("Use at most 300 characters"))])
    tags = StringField(N_("Tags"), [Empty(), Length(max=500, message=N_("Use at most 500 characters"))])
    uses = IntegerField(
        N_("Uses"), [InputRequired(N_("Enter how many hosts it lets in")), NumberRange(1, 1000, N_("Enter a number from 1 to 1000"))],
        default=1,
    )  # fmt: skip
    approval = BooleanField(N_("Hosts wait for approval"))
    minutes = SelectField(N_("Expires after"), choices=lambda: choices(LIVES), default="60")
    organization = SelectField(N_("Organization"), validate_choice=True)

    @property
    def life(self) -> timedelta:
        return timedelta(minutes=int(self.minutes.data))

    @property
    def tag_list(self) -> list[str]:
        return words(self.tags.data)

    def offer(self, organizations: Mapping[int, str]) -> None:
        self.organization.choices = choices({str(key): name for key, name in organizations.items()})


def words(text: str | None) -> list[str]:
    """Tags as people type them: with commas or spaces between."""
    return [word for word in re.split(r"[\s,]+", text or "") if word]


def filter_of(args: MultiDict[str, str]) -> Filter:
    """What of the address can be understood; the rest does not limit the list."""
    return Filter(
        q=args.get("q", "").strip()[:200],
        presence=frozenset(Presence(word) for word in args.getlist("presence") if word in set(map(str, Presence))),
        states=frozenset(State(word) for word in args.getlist("state") if word in set(map(str, State))),
        tags=_each(args, "tag"),
        match="all" if args.get("match") == "all" else "any",
        os=_each(args, "os"),
        arch=_each(args, "arch"),
        version=_each(args, "version"),
        instance=_each(args, "instance"),
    )


def _each(args: MultiDict[str, str], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in args.getlist(name) if word))


def meant(form: MultiDict[str, str], now: datetime) -> list[Agent]:
    """The ticked ones, or all that match; of foreign ones nothing is said."""
    if form.get("scope") != "matching":
        return queries.by_uuids(form.getlist("ids"))
    return queries.all_of(filter_of(MultiDict(parse_qsl(form.get("query", "")))), now)


def pairs_of(chosen: Filter) -> list[tuple[str, Any]]:
    """The filter as a query string's pairs, in one order."""
    found = [("presence", str(p)) for p in chosen.presence] + [("state", str(s)) for s in chosen.states]
    found += [("tag", tag) for tag in chosen.tags] + ([("match", "all")] if chosen.match == "all" else [])
    found += [(name, value) for name in SEVERAL for value in getattr(chosen, name)]
    return sorted([*found, *([("q", chosen.q)] if chosen.q else [])])
