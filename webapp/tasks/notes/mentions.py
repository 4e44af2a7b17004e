"""Who is named in a note with `@`: members of its organisation, until they have read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from markupsafe import Markup

from webapp import events
from webapp.access.models import Membership, User
from webapp.db import db
from webapp.events import Actor
from webapp.news import lifecycle as news
from webapp.news.kinds import Kind
from webapp.news.lifecycle import item, take_back, tell
from webapp.news.models import News
from webapp.tasks import markdown
from webapp.tasks.models import Task
from webapp.tasks.notes.models import Mention, Note

# Not the middle of an address; and what ends a sentence ends the name.
NAMED = re.compile(r"(?<![\w@./+-])@([a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?)", re.I)
MOST = 50  # people that one note can call


@dataclass(frozen=True)
class Call:
    """A note that waits for somebody."""

    note: Note
    task: Task
    people: frozenset[str]

    @property
    def html(self) -> Markup:
        return markdown.render(self.note.text, self.people)


def keep(note: Note, task: Task, by: Actor, now: datetime) -> None:
    """As the note says now. Who was named before and still is stays as they were; writers have read what they wrote."""
    wanted = dict(_members(note.organization_id, names(note.text)))
    known = {mention.user_id: mention for mention in _of(note.id)}
    gone, new = known.keys() - wanted.keys(), wanted.keys() - known.keys()
    for user_id in gone:
        db.session.delete(known[user_id])
    for user_id in new:
        db.session.add(
            Mention(
                organization_id=note.organization_id, note_id=note.id, task_id=note.task_id, user_id=user_id,
                username=wanted[user_id],
            )
        )  # fmt: skip
    db.session.flush()
    take_back(Kind.MENTION, note.id, gone)
    tell(
        item(note.organization_id, user_id, Kind.MENTION, note.id, f"{by.name}: {note.text}",
             f"/tasks/{task.uuid}?tab=notes", now)
        for user_id in new - {by.id}
    )  # fmt: skip


def forget(note: Note) -> None:
    known = _of(note.id)
    for mention in known:
        db.session.delete(mention)
    take_back(Kind.MENTION, note.id, [mention.user_id for mention in known])


def read(note: Note, by: Actor, now: datetime) -> None:
    news.read(by.id, now, News.kind == Kind.MENTION, News.subject_id == note.id)
    events.touch(note.organization_id)


def names(text: str) -> list[str]:
    return list(dict.fromkeys(name.lower() for name in NAMED.findall(text)))[:MOST]


def named_in(notes: Iterable[Note]) -> dict[int, frozenset[str]]:
    """The people whom each note names, by its id."""
    found: dict[int, set[str]] = {note.id: set() for note in notes}
    for note_id, username in db.session.execute(
        sa.select(Mention.note_id, Mention.username).where(Mention.note_id.in_(found))
    ):
        found[note_id].add(username)
    return {note_id: frozenset(people) for note_id, people in found.items()}


def waiting_for(user_id: int | None, most: int) -> Sequence[Call]:
    """Unread notes that name a person, the newest first."""
    unread = (
        sa.select(Note, Task)
        .join(News, News.subject_id == Note.id)
        .join(Task, Task.id == Note.task_id)
        .where(News.user_id == user_id, News.kind == Kind.MENTION, News.read_at.is_(None), Task.deleted_at.is_(None))
        .order_by(News.id.desc())
    )
    found = db.session.execute(unread.limit(most)).all()
    named = named_in(note for note, _ in found)
    return [Call(note, task, named[note.id]) for note, task in found]


def members(organization_id: int, beginning: str, most: int) -> Sequence[tuple[str, str]]:
    """User names and names, of whom either begins so."""
    like = beginning.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    found = _people(organization_id).where(
        sa.or_(User.username.like(like, escape="\\"), sa.func.lower(User.name).like(like, escape="\\"))
    )
    return [
        (user.username, user.display_name) for user in db.session.scalars(found.order_by(User.username).limit(most))
    ]


def _members(organization_id: int, wanted: Sequence[str]) -> list[tuple[int, str]]:
    if not wanted:
        return []
    found = db.session.scalars(_people(organization_id).where(User.username.in_(wanted)))
    return [(user.id, user.username) for user in found]


def _people(organization_id: int) -> sa.Select[User]:
    member = sa.select(User).join(Membership, Membership.user_id == User.id)
    return member.where(Membership.organization_id == organization_id, User.active)


def _of(note_id: int) -> Sequence[Mention]:
    return db.session.scalars(sa.select(Mention).where(Mention.note_id == note_id)).all()
