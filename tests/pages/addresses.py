"""Every page there is, from the URL map: a new one is looked at without being named anywhere."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Flask

from tests.samples import SAMPLES
from webapp.agents.models import Agent
from webapp.db import db, unit
from webapp.tasks.models import Batch, Task
from webapp.tasks.notes.models import Note

# What a browser does not show as a page of ours: files, and what programs read.
NOT_PAGES = ("/api/", "/agent/", "/static/", "/favicon.ico", "/healthz", "/readyz", "/metrics")

FILES = (".csv", ".txt", ".zip", ".json", ".jsonl", ".ics", "/download")

KNOWN = {*SAMPLES, "agent_id"}


def seeded(name: str, organization_id: int) -> Any:
    """Things of the seeded database rather than bare ones."""
    newest = {
        "task_id": sa.select(Task.uuid).where(Task.note_count > 0),
        "batch_id": sa.select(Batch.uuid).where(Batch.total > 5),
        "note_id": sa.select(Note.id),
        "agent_id": sa.select(Agent.uuid).where(Agent.hostname == "web-1"),
    }
    if name in newest:
        return db.session.scalars(newest[name].limit(1)).one()
    return SAMPLES[name](organization_id)


def pages(app: Flask, organization_id: int) -> list[str]:
    """Addresses, each of which answers with HTML or is dropped by who visits it."""
    found = []
    with unit(app, "addresses"):
        for rule in app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.rule.startswith(NOT_PAGES) or rule.rule.endswith(FILES):
                continue
            if rule.arguments <= KNOWN:  # tests/test_routes.py tells which sample is missing
                values = {name: seeded(name, organization_id) for name in rule.arguments}
                db.session.commit()
                found.append(str(rule.build(values, append_unknown=False)[1]))  # type: ignore[index]
    return sorted({*found, *more(found)})


def more(found: list[str]) -> list[str]:
    """The same pages in other states."""
    tasks = [
        f"/tasks?{query}" for query in ("q=status:failed", "q=nothing-is-called-so", "q=status:nonsense", "per=100")
    ]
    task = next((url for url in found if url.count("/") == 2 and url.startswith("/tasks/") and len(url) > 40), "")
    tabs = ("details", "notes", "files", "objects", "attempts", "compare", "raw")
    agent = next((url for url in found if url.count("/") == 2 and url.startswith("/agents/") and len(url) > 40), "")
    agents = [f"{agent}?tab={tab}" for tab in ("tasks", "queue", "keys", "events") if agent]
    return [*tasks, *(f"{task}?tab={tab}" for tab in tabs if task), *agents, "/nothing-is-here"]
