"""Finding tasks by words: in names, hosts, commands, inputs, reasons and notes, and in the head and tail of output.

Both databases get the same tokens from us – runs of letters and digits, in lower case – and look for all of
them, the last of each word as a beginning. So "web-03 tim" finds what has `web`, `03…` and `tim…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from webapp.access.models import Organization
from webapp.bulk import as_table
from webapp.db import db, dialect, system_scope
from webapp.schema import Extra
from webapp.tasks.models import Task
from webapp.tasks.notes.models import Note
from webapp.tasks.reasons import ADVICE, Reason

TABLE = sa.table("search_task", sa.column("task_id"), sa.column("org"), sa.column("words"), sa.column("log"))
MOST = 5_000  # newest matches that a list looks at
HEAD = TAIL = 4_096  # bytes of output that are found by their words
TOKENS = 1_000
TOLD = ("what", "input", "agent_name", "created_by", "plugin_id", "reason", "error")
TOKEN = re.compile(r"[^\W_]+")

ADD = {
    "sqlite": "INSERT INTO search_task (rowid, org, words, log) SELECT json_extract(value, '$.id'),"
    " json_extract(value, '$.org'), json_extract(value, '$.words'), '' FROM json_each(:rows)",
    "postgresql": "INSERT INTO search_task (task_id, org, words) SELECT id, org, array_to_tsvector(string_to_array(words, ' '))"
    " FROM json_to_recordset(CAST(:rows AS json)) AS told (id bigint, org integer, words text)",
}

EXTRAS = (
    Extra(
        "search_task",
        sqlite=(
            "CREATE VIRTUAL TABLE IF NOT EXISTS search_task USING fts5"
            "(words, log, org UNINDEXED, tokenize='unicode61 remove_diacritics 2', prefix='2 3')",
        ),
        postgresql=(
            "CREATE TABLE IF NOT EXISTS search_task (task_id bigint PRIMARY KEY REFERENCES task ON DELETE CASCADE,"
            " org integer NOT NULL, words tsvector NOT NULL, log tsvector NOT NULL DEFAULT ''::tsvector)",
            "CREATE INDEX IF NOT EXISTS search_task_words ON search_task USING gin (words)",
            "CREATE INDEX IF NOT EXISTS search_task_log ON search_task USING gin (log)",
        ),
    ),
)


def add(tasks: Sequence[Mapping[str, Any]]) -> None:
    """New tasks, in the transaction that makes them: what is accepted is found."""
    rows = as_table({"id": task["id"], "org": task["organization_id"], "words": _told(task)} for task in tasks)
    with system_scope("search"):
        db.session.execute(sa.text(ADD[dialect()]), {"rows": rows})


def facts(task: Task) -> dict[str, Any]:
    """What it is found by, and whose it is."""
    return {name: getattr(task, name) for name in ("id", "organization_id", "uuid", "tags", *TOLD)}


def refresh(task: Task) -> None:
    """Its end, its reason or its notes have changed."""
    notes = db.session.scalars(sa.select(Note.text).where(Note.task_id == task.id, Note.deleted_at.is_(None)))
    _set("words", task.id, _told(facts(task), notes))


def add_log(task_id: int, head: bytes, tail: bytes) -> None:
    """The beginning and the end of what it printed."""
    text = (head + b"\n" + tail).decode("utf-8", "replace")
    if text.strip():
        _set("log", task_id, _tokens(text))


def matching_words(words: Sequence[str], log: Sequence[str] = ()) -> sa.ColumnElement[bool]:
    """`words` anywhere, `log` only in output. Words without a letter or digit match nothing."""
    anywhere, printed = _wanted(words), _wanted(log)
    if (words and not anywhere) or (log and not printed):
        return sa.false()
    find = _sqlite if dialect() == "sqlite" else _postgresql
    return Task.id.in_(find(anywhere, printed))


def _sqlite(anywhere: list[str], printed: list[str]) -> sa.Select[int]:
    asked = " AND ".join([*(_fts(token) for token in anywhere), *(f"log : {_fts(token)}" for token in printed)])
    rowid: sa.ColumnClause[int] = sa.literal_column("search_task.rowid")
    return (
        sa.select(rowid)
        .select_from(TABLE)
        .where(sa.literal_column("search_task").op("MATCH")(asked), TABLE.c.org.in_(_organisations()))
        .order_by(rowid.desc())
        .limit(MOST)
    )


def _fts(token: str) -> str:
    return f'"{token.rstrip("*")}"{"*" if token.endswith("*") else ""}'


def _postgresql(anywhere: list[str], printed: list[str]) -> sa.Select[int]:
    conditions = [
        sa.or_(TABLE.c.words.op("@@")(_ts(token)), TABLE.c.log.op("@@")(_ts(token))) for token in anywhere
    ] + [TABLE.c.log.op("@@")(_ts(token)) for token in printed]
    found = sa.select(TABLE.c.task_id).where(TABLE.c.org.in_(_organisations()), *conditions)
    return found.order_by(TABLE.c.task_id.desc()).limit(MOST)


def _ts(token: str) -> sa.ColumnElement[str]:
    beginning = token.endswith("*")
    return sa.cast(f"'{token.rstrip('*')}'{':*' if beginning else ''}", TSQUERY)


def _organisations() -> sa.Select[int]:
    scope = db.session().info.get("scope")
    known = sa.select(Organization.id)
    return known if scope is None or scope.everything else known.where(Organization.id.in_(scope.reading))


def _wanted(words: Iterable[str]) -> list[str]:
    """The last token of each word is a beginning, the others are whole."""
    found: list[str] = []
    for word in words:
        tokens = [match.lower() for match in TOKEN.findall(word)]
        found += [*tokens[:-1], *(f"{token}*" for token in tokens[-1:])]
    return found


def _told(task: Mapping[str, Any], notes: Iterable[str] = ()) -> str:
    reason = task.get("reason")
    label = ADVICE[Reason(reason)].label if reason in ADVICE else ""
    parts = [*(task.get(name) for name in TOLD), *task["tags"], label, task["uuid"][:8], *notes]
    return _tokens(" ".join(str(part) for part in parts if part))


def _tokens(text: str) -> str:
    """Each once, in their order: where a word stands does not matter for finding it."""
    return " ".join(list(dict.fromkeys(token.lower() for token in TOKEN.findall(text)))[:TOKENS])


def _set(column: str, task_id: int, tokens: str) -> None:
    with system_scope("search"):
        db.session.execute(_setting(column, dialect()), {"tokens": tokens, "id": task_id})


@cache
def _setting(column: str, database: str) -> sa.TextClause:
    if database == "sqlite":
        return sa.text(f"UPDATE search_task SET {column} = :tokens WHERE rowid = :id")
    words = "array_to_tsvector(string_to_array(:tokens, ' '))"
    return sa.text(f"UPDATE search_task SET {column} = {words} WHERE task_id = :id")
