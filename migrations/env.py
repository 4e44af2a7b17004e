"""Runs inside `webapp.migrating.upgrade` and `migrations.revise`, which hand over an open connection."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context

from webapp.db import Base, UtcDateTime
from webapp.schema import load_models

load_models()


def render_item(kind: str, item: Any, _autogen: Any) -> str | bool:
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "UtcDateTime()"
    if isinstance(item, sa.BigInteger) and item._variant_mapping:
        return "BigKey"
    if isinstance(item, sa.JSON):
        return "Json"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
    include_object=lambda _o, name, kind, _r, _c: not (kind == "table" and name.startswith("search_")),
)
with context.begin_transaction():
    context.run_migrations()
