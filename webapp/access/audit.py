"""The log of what people and tokens did. No action without its row, no row of an action that was undone.

A verb that knows what it changed says so with `record`. For all others the commit of a request that wrote something
adds a plain row, in the same transaction. The caretaker numbers and chains the rows a moment later, one chain per
organisation, so that no action waits for the chain's head.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm.session import ORMExecuteState
from structlog.contextvars import get_contextvars

from webapp import clock, events
from webapp.access.models import Audit, AuditSeal
from webapp.db import OrgSession, db, system_scope, unit
from webapp.events import Actor

START = "0" * 64
CHAINED = ("seq", "organization_id", "at", "actor_kind", "actor_id", "actor", "ip", "request_id", "action", "object",
           "before", "after")  # fmt: skip


@dataclass
class Act:
    """What this request is about, for rows that no verb has written itself."""

    by: Actor
    action: str
    object: str
    wrote: bool = False
    recorded: bool = False


def begin(act: Act) -> None:
    db.session().info["act"] = act


def record(
    organization_id: int | None, action: str, object: str, by: Actor, now: datetime,
    before: dict[str, Any] | None = None, after: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    session = db.session()
    act: Act | None = session.info.get("act")
    if act:
        act.recorded = True
    told = get_contextvars()
    row = {
        "organization_id": organization_id, "at": now, "actor_kind": by.kind, "actor_id": by.id,
        "actor": by.name[:120], "ip": told.get("ip", ""), "request_id": told.get("request_id", ""),
        "action": action[:64], "object": object[:300], "before": before, "after": after,
    }  # fmt: skip
    with system_scope("audit"):
        session.execute(sa.insert(Audit), [row])
    if organization_id:
        events.touch(organization_id)


def unremarkable() -> None:
    """Said by a verb that changes nothing which anybody else should know of."""
    if act := db.session().info.get("act"):
        act.recorded = True


def apart(app: Flask, organization_ids: Iterable[int | None], action: str, object: str, by: Actor, now: datetime,
          after: dict[str, Any] | None = None) -> None:  # fmt: skip
    """In a transaction of its own, for what is refused: nothing else of that request is kept."""
    db.session.rollback()
    with unit(app, "audit of a refusal"):
        for organization_id in set(organization_ids) or {None}:
            record(organization_id, action, object, by, now, after=after)


def chain(now: datetime) -> int:
    """Numbers and links what is new. In a system scope, by one caretaker at a time; commits are the caller's."""
    fresh = db.session.scalars(sa.select(Audit).where(Audit.hash.is_(None)).order_by(Audit.id).limit(1000)).all()
    heads: dict[int | None, tuple[int, str]] = {}
    for row in fresh:
        seq, last = heads.get(row.organization_id) or head(row.organization_id)
        row.seq, row.prev_hash = seq + 1, last
        row.hash = digest(row)
        heads[row.organization_id] = row.seq, row.hash
    return len(fresh)


def head(organization_id: int | None) -> tuple[int, str]:
    """The last link: number and hash."""
    with db.session.no_autoflush:
        newest = db.session.execute(
            sa.select(Audit.seq, Audit.hash)
            .where(_of(Audit, organization_id), Audit.hash.is_not(None))
            .order_by(Audit.seq.desc())
            .limit(1)
        ).first()
        return tuple(newest) if newest else _sealed(organization_id)  # type: ignore[return-value]


def verify(organization_id: int | None) -> Iterator[str]:
    """What is wrong with the chain, in words; nothing when it is whole."""
    seq, last = _sealed(organization_id)
    rows = sa.select(Audit).where(_of(Audit, organization_id), Audit.hash.is_not(None)).order_by(Audit.seq)
    with closing(db.session.scalars(rows.execution_options(yield_per=500))) as found:
        for row in found:
            if row.seq != seq + 1:
                yield f"entries {seq + 1} to {(row.seq or 0) - 1} are missing"
            elif row.prev_hash != last:
                yield f"entry {row.seq} does not follow the one before it"
            if row.hash != digest(row):
                yield f"entry {row.seq} was changed"
            seq, last = row.seq or 0, row.hash or ""


def prune(organization_id: int | None, before: datetime, now: datetime) -> int:
    """Removes the oldest part of the log and leaves its last hash, from which the rest can still be verified."""
    old = (_of(Audit, organization_id), Audit.hash.is_not(None))
    kept_from = db.session.scalar(sa.select(sa.func.min(Audit.seq)).where(*old, Audit.at >= before))
    last = db.session.execute(
        sa.select(Audit.seq, Audit.hash)
        .where(*old, Audit.at < before, *([Audit.seq < kept_from] if kept_from else []))
        .order_by(Audit.seq.desc())
        .limit(1)
    ).first()
    if last is None:
        return 0
    db.session.add(AuditSeal(organization_id=organization_id, seq=last.seq, hash=last.hash, at=now))
    db.session.flush()
    gone = db.session.execute(sa.delete(Audit).where(*old, Audit.seq <= last.seq))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def digest(row: Audit) -> str:
    content = {name: getattr(row, name) for name in CHAINED} | {"at": clock.iso(row.at)}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(((row.prev_hash or "") + text).encode()).hexdigest()


def _of(table: type[Audit] | type[AuditSeal], organization_id: int | None) -> sa.ColumnElement[bool]:
    column = table.organization_id
    return column.is_(None) if organization_id is None else column == organization_id


def _sealed(organization_id: int | None) -> tuple[int, str]:
    seal = db.session.execute(
        sa.select(AuditSeal.seq, AuditSeal.hash)
        .where(_of(AuditSeal, organization_id))
        .order_by(AuditSeal.seq.desc())
        .limit(1)
    ).first()
    return (seal.seq, seal.hash) if seal else (0, START)


@event.listens_for(OrgSession, "do_orm_execute")
def _notice_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        _notice(state.session)


@event.listens_for(OrgSession, "after_flush")
def _notice_flush(session: OrgSession, _context: Any) -> None:
    if session.new or session.dirty or session.deleted:
        _notice(session)


def _notice(session: Any) -> None:
    if act := session.info.get("act"):
        act.wrote = True


@event.listens_for(OrgSession, "before_commit")
def _complete(session: OrgSession) -> None:
    act: Act | None = session.info.get("act")
    if act is None or session.in_nested_transaction():
        return
    session.flush()
    if act.wrote and not act.recorded:
        scope = session.info.get("scope")
        touched = sorted(session.info.get("touched", ())) or [scope.writing if scope else None]
        for organization_id in touched:
            record(organization_id, act.action, act.object, act.by, clock.now())
    act.wrote = act.recorded = False


@event.listens_for(OrgSession, "after_rollback")
def _undone(session: OrgSession) -> None:
    if (act := session.info.get("act")) and not session.in_nested_transaction():
        act.wrote = act.recorded = False
