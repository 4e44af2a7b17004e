"""Writing rows by the statement, past the ORM: a few with their parameters, many as one table.

Of many, what all have in common is said once, and what tells them apart goes over as one text of JSON. A database spends
more on reading a parameter for each value of each row than on the rows themselves, and so does the driver.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from webapp.db import Base, check_written, db, dialect, system_scope

MANY = 20  # from which on a table is cheaper
MOST = 1_000  # of one statement: its text is held in memory
NAMING = ("id", "organization_id")
COUNTED = {"preserve_rowcount": True}

Row = Mapping[str, Any]


def next_ids(model: type[Base], count: int) -> Sequence[int]:
    """Numbers for rows that are named in others before they are written. SQLite has one writer, and it is us."""
    with system_scope("numbers"):
        if dialect() == "sqlite":
            last = db.session.scalar(sa.select(sa.func.max(model.id))) or 0  # type: ignore[attr-defined]
            return range(last + 1, last + count + 1)
        each = sa.func.generate_series(1, count).table_valued("number")
        sequence = sa.func.pg_get_serial_sequence(model.__tablename__, "id")
        return db.session.scalars(sa.select(sa.func.nextval(sequence)).select_from(each)).all()


def insert(model: type[Base], rows: Sequence[Row]) -> None:
    """Rows with the same keys, whose own ids nobody asks for."""
    if not rows:
        return
    if len(rows) < MANY:
        _plainly(sa.insert(model), [dict(row) for row in rows])
    else:
        _at_once(rows, lambda some: _inserting(model, some))


def insert_new(model: type[Base], rows: Sequence[Row], keys: Sequence[str]) -> int:
    """How many of them were new by these keys; those that were there already stay as they are."""
    return _at_once(rows, lambda some: _inserting(model, some).on_conflict_do_nothing(index_elements=keys))


def update(model: type[Base], rows: Sequence[Row]) -> None:
    """Each has an id, an organisation and what it becomes. What is loaded stays as it is."""
    _at_once(rows, lambda some: _updating(model, some))


def upsert(model: type[Base], rows: list[dict[str, Any]], keys: list[str], update: list[str]) -> None:
    """Insert, or where a row with these keys is there, take over `update`."""
    if not rows:
        return
    statement = _insert()(model)
    changes = {name: statement.excluded[name] for name in update}
    db.session.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=changes) if changes
        else statement.on_conflict_do_nothing(index_elements=keys), rows,
    )  # fmt: skip


def change(statement: sa.Update, values: dict[str, Any] | list[dict[str, Any]] | None = None) -> int:
    """How many rows it has changed. What is loaded stays as it is."""
    return int(_plainly(statement, values).rowcount)


def as_table(rows: Iterable[Row]) -> str:
    """What both databases read as one row for each."""
    return json.dumps(list(rows), default=_moment, ensure_ascii=False)


def _insert() -> Any:
    return sqlite_insert if dialect() == "sqlite" else postgresql_insert


def _plainly(statement: Any, rows: list[dict[str, Any]] | dict[str, Any] | None = None) -> Any:
    """A loop's or worker's has nothing to check and nobody's act to record: past the ORM, which takes thrice as long."""
    session = db.session()
    scope = session.info.get("scope")
    if scope is None or not scope.everything or session.info.get("act"):
        return session.execute(statement, rows, execution_options={"synchronize_session": False})
    session.flush()
    return session.connection().execute(statement, rows)


def _at_once(rows: Sequence[Row], statement: Callable[[Sequence[Row]], Any]) -> int:
    check_written(rows)
    db.session.flush()
    written = 0
    with system_scope("many rows"):  # they have just been looked at
        for start in range(0, len(rows), MOST):
            done = db.session.execute(statement(rows[start : start + MOST]), execution_options=COUNTED)
            written += done.rowcount  # type: ignore[attr-defined]
    return written


def _inserting(model: type[Base], rows: Sequence[Row]) -> Any:
    table, values = _table(model, rows)
    columns = _columns(model)
    read = sa.select(*values.values()).select_from(table).where(sa.true())  # or SQLite takes ON CONFLICT for a join's
    return _insert()(model.__table__).from_select([columns[name].name for name in values], read)


def _updating(model: type[Base], rows: Sequence[Row]) -> Any:
    _, values = _table(model, rows)
    columns = _columns(model)
    changes = {columns[name]: value for name, value in values.items() if name not in NAMING}
    return sa.update(model.__table__).where(*(columns[name] == values[name] for name in NAMING)).values(changes)  # type: ignore[arg-type]


def _table(model: type[Base], rows: Sequence[Row]) -> tuple[sa.FromClause, dict[str, sa.ColumnElement[Any]]]:
    """What the rows differ in, and where each value is found: there, or told once for all."""
    columns, first = _columns(model), rows[0]
    own = [name for name in first if any(row[name] != first[name] for row in rows)] or [next(iter(first))]
    to_json = {name: _to_json(columns[name], dialect()) for name in own}
    text = as_table({name: to_json[name](row[name]) for name in own} for row in rows)
    table, found = _sqlite(text, own) if dialect() == "sqlite" else _postgresql(text, [(n, columns[n]) for n in own])
    shared = {n: sa.literal(first[n], columns[n].type) for n in first if n not in found}
    return table, {name: found[name] if name in found else shared[name] for name in first}


def _sqlite(text: str, names: Sequence[str]) -> tuple[sa.FromClause, dict[str, sa.ColumnElement[Any]]]:
    table = sa.func.json_each(sa.literal(text, sa.Text)).table_valued("value")
    return table, {name: sa.func.json_extract(table.c.value, sa.literal_column(f"'$.{name}'")) for name in names}


def _postgresql(
    text: str, columns: Sequence[tuple[str, sa.Column[Any]]]
) -> tuple[sa.FromClause, dict[str, sa.ColumnElement[Any]]]:
    read = sa.cast(sa.literal(text, sa.Text), sa.JSON)
    names = [sa.column(name, column.type) for name, column in columns]
    table = sa.func.json_to_recordset(read).table_valued(*names).render_derived(with_types=True)
    return table, {name: table.c[name] for name, _ in columns}


@cache
def _columns(model: type[Base]) -> dict[str, sa.Column[Any]]:
    """By the names that the model gives them."""
    return {attribute.key: attribute.columns[0] for attribute in sa.inspect(model).column_attrs}  # type: ignore[misc]


@cache
def _to_json(column: sa.Column[Any], database: str) -> Callable[[Any], Any]:
    """How the database stores it, unless it reads JSON itself."""
    if database == "postgresql" and isinstance(column.type, sa.JSON):
        return _as_it_is
    bound = db.session().get_bind().dialect
    return column.type.dialect_impl(bound).bind_processor(bound) or _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _moment(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written in JSON")
