"""Finding tasks by words."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from webapp.tasks.models import Task


def matching_words(words: Sequence[str], log: Sequence[str] = ()) -> sa.ColumnElement[bool]:
    columns = (Task.what, Task.input, Task.agent_name, Task.error, Task.uuid)
    return sa.and_(
        *(sa.or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in (*words, *log))
    )
