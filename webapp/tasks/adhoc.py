"""Commands that people ran by hand: the latest with how they went, one's own again, and whom the next would reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from werkzeug.datastructures import MultiDict

from webapp.agents.models import Agent
from webapp.db import db
from webapp.tasks import refill, targets
from webapp.tasks.lists import batches
from webapp.tasks.lists.lines import Line
from webapp.tasks.models import Batch
from webapp.tasks.spec import parse
from webapp.tasks.states import Trigger

SHOWN = 20
LOOKED_THROUGH = 500  # for one's own: somebody who has run nothing costs no more than this
REMEMBERED = 50
LONGEST = 2_000  # of those that a page brings along; longer ones are run again from their run
ENTERED = ("execution_timeout", "run_as")

COMMAND = Batch.spec["data"]["command"].as_string()


class Mine(NamedTuple):
    """A command that somebody ran themselves."""

    uuid: str
    command: str


class Targets(NamedTuple):
    """Whom a command would reach now, and why others that were meant cannot run it."""

    fit: list[Agent]
    refused: list[str]


def recent() -> list[Line]:
    newest = sa.select(Batch).where(Batch.trigger == Trigger.ADHOC).order_by(Batch.id.desc()).limit(SHOWN)
    return batches.lines(db.session.scalars(newest).all())


def mine(user_id: int | None) -> list[Mine]:
    """The latest first, each command once."""
    latest = sa.select(Batch.id).where(Batch.trigger == Trigger.ADHOC).order_by(Batch.id.desc()).limit(LOOKED_THROUGH)
    own = sa.select(Batch.uuid, COMMAND).where(Batch.id.in_(latest), Batch.created_by_id == user_id)
    short = own.where(sa.func.length(COMMAND) <= LONGEST).order_by(Batch.id.desc())
    found: dict[str, Mine] = {}
    for row in db.session.execute(short):
        again = Mine(*map(str, row))
        found.setdefault(again.command, again)
    return list(found.values())[:REMEMBERED]


def fields(batch: Batch) -> MultiDict[str, str]:
    """What was entered for it, for a form that runs it again."""
    spec = parse(batch.spec)
    found = refill.fields(spec, batch.organization_id) or MultiDict({"command": spec.data.get("command", "")})
    return MultiDict([*found.items(multi=True), *((name, found.get(f"o_{name}", "")) for name in ENTERED)])


def reach(matched: Sequence[Agent], data: dict[str, object]) -> Targets:
    return Targets(*targets.capable("execute_command", data, matched))
