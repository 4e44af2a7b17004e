"""Lists: in pieces that fit together, with the filters of the pages."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.rest.conftest import Api, Program
from tests.tasks import made
from webapp.tasks.lists import filters
from webapp.tasks.models import Task


def pieces(program: Program, path: str) -> list[list[str]]:
    found, cursor = [], None
    while True:
        joined = f"{path}{'&' if '?' in path else '?'}cursor={cursor}" if cursor else path
        answer = program.get(joined)
        assert answer.status_code == 200, answer.text
        found.append([item["id"] for item in answer.json["items"]])
        cursor = answer.json["next"]
        assert ("Link" in answer.headers) == (cursor is not None)
        if cursor is None:
            return found


def test_pieces_hold_everything_once_newest_first(api: Api, session: Session, cast: Cast) -> None:
    for number in range(5):
        made.tasks(cast.acme, [f"{number}.{each}" for each in range(120)])
    made.task(cast.globex)
    wanted = list(
        session.scalars(
            sa.select(Task.uuid).where(Task.organization_id == cast.acme).order_by(Task.batch_id.desc(), Task.id.desc())
        )
    )
    found = pieces(api(), "/tasks/?limit=500")
    assert [len(piece) for piece in found] == [500, 100]
    assert [uuid for piece in found for uuid in piece] == wanted
    assert [uuid for piece in pieces(api(), "/tasks/?limit=77&status=open,final") for uuid in piece] == wanted


def test_rows_that_come_meanwhile_move_nothing(api: Api, session: Session, cast: Cast) -> None:
    first = made.tasks(cast.acme, ["a", "b", "c"])
    program = api()
    piece = program.get("/tasks/?limit=2").json
    made.task(cast.acme)
    rest = program.get(f"/tasks/?limit=2&cursor={piece['next']}").json
    assert [item["id"] for item in [*piece["items"], *rest["items"]]] == [task.uuid for task in reversed(first)]


def test_batches_come_in_pieces_too(api: Api, session: Session, cast: Cast) -> None:
    made_ids = [made.task(cast.acme).batch_id for _ in range(7)]
    found = [uuid for piece in pieces(api(), "/batches/?limit=3") for uuid in piece]
    assert len(found) == len(set(found)) == len(made_ids)
    assert api().get("/batches/?status=failed").json == {"items": [], "next": None}


def test_a_number_that_no_definition_has_finds_nothing(api: Api) -> None:
    for number in ("9999999999", "²", "-1"):
        assert api().get(f"/tasks/?definition={number}").json == {"items": [], "next": None}


REFUSED = [
    ("limit=501", "limit", "Enter a number from 1 to 500"),
    ("limit=0", "limit", "Enter a number from 1 to 500"),
    ("limit=ten", "limit", "Enter a whole number"),
    ("limit=1&limit=2", "limit", "Give it once"),
    ("cursor=nonsense", "cursor", "Send the next of the piece before, as it was"),
    ("statsu=failed", "statsu", 'Unknown parameter "statsu". Did you mean status?'),
    ("status=faild", "status", 'Unknown status "faild". Did you mean failed?'),
    ("q=statsu:failed", "q", 'Unknown filter "statsu". Did you mean status?'),
    ("since=yesterdayish", "since", '"yesterdayish" is no time. Enter one like 24h, 7d or 2026-11-20'),
    ("case=shouting", "case", "Choose lower or upper"),
    ("q=%00", "q", "Enter text without zero bytes"),
]


def test_what_cannot_be_understood_is_refused_by_name(api: Api) -> None:
    """A misspelt filter that selected everything would be a trap."""
    program = api()
    for query, field, message in REFUSED:
        answer = program.get(f"/tasks/?{query}")
        assert answer.status_code == 422, query
        assert answer.json["errors"] == [{"field": field, "message": message}]


def test_every_filter_of_the_pages_is_one_here(api: Api) -> None:
    told = api().get("/openapi.json").json["paths"]["/tasks/"]["get"]["parameters"]
    assert {"q", *filters.KEYS, *filters.SYNONYMS} <= {parameter["name"] for parameter in told}


def test_a_concurrency_limit_is_found_by_the_filter_line(api: Api, session: Session, cast: Cast) -> None:
    """`limit` itself says how many."""
    made.task(cast.acme)
    task = made.task(cast.acme, limit="db")
    assert [found["id"] for found in api().get("/tasks/?q=limit:db&limit=5").json["items"]] == [task.uuid]


SHOWN = [
    "status=queued", "status=completed&status=failed", "q=status:failed", "agent=web-*", "plugin=demo", "type=plugin",
    "trigger=manual", "since=24h", "until=2020-01-01", "by=ann", "tag=blue", "owner=anyone", "notes=1", "org=globex",
]  # fmt: skip


def test_it_selects_what_the_page_selects(api: Api, client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "web-1", tags=["blue"])
    made.command(cast.acme, {"agents": ["web-1"]})
    made.command(cast.acme, {"agents": "anyone"})
    made.ended(cast.acme, 1)
    made.task(cast.acme, tags=["blue"])
    made.task(cast.globex)
    tasks, program = session.scalars(sa.select(Task)).all(), api("viewer")
    client.login("viewer")
    for query in SHOWN:
        page = client.get(f"/tasks?{query}&per=100").text
        on_page = {task.uuid for task in tasks if task.uuid in page}
        assert {task["id"] for task in program.get(f"/tasks/?{query}").json["items"]} == on_page, query
