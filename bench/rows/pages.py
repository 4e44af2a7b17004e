"""The tasks list: unchanged polls against the least a Flask view can do, and a million tasks against ten thousand."""

from __future__ import annotations

from collections.abc import Iterator

import redis
import sqlalchemy as sa
from flask import Flask, Response
from jinja2 import Environment

from bench.measure import Row, in_turn, quantile, seconds
from bench.world import RARE, RARELY, Reader, big, call, organization_id, world
from webapp import db, queue
from webapp.config import Settings
from webapp.events import revision_key
from webapp.tasks import queries
from webapp.tasks.lists import batches
from webapp.tasks.lists.filters import Filter
from webapp.tasks.models import Task

KEYS = ("b1", "b2", "c1", "c2", "c3")
MANY, FEW = 1_000_000, 10_000
POLLS = 300
TABLE = """<table>{% for r in rows %}<tr id="t-{{ r.id }}"><td>{{ r.status }}</td><td><a href="/tasks/{{ r.id }}">{{ r.what }}</a></td>
<td>{{ r.input }}</td><td>{{ r.at }}</td><td>{{ r.took }}</td></tr>{% endfor %}</table>"""


def rows(wanted: set[str]) -> Iterator[Row]:
    with world(big(MANY)) as settings:
        reader = Reader(settings)
        if wanted & {"b1", "b2"}:
            yield from polls(reader, settings)
        if "c1" in wanted:
            yield from lists(reader)
        if "c2" in wanted:
            yield from search(reader)
        if "c3" in wanted:
            yield counts(reader)


def polls(reader: Reader, settings: Settings) -> Iterator[Row]:
    poll = reader.poller("/tasks")
    assert poll() == 304, "an unchanged poll must be answered with 304"
    bare = bare_view(settings)

    def unchanged() -> None:
        for _ in range(POLLS):
            poll()

    def least() -> None:
        for _ in range(POLLS):
            call(bare, "/")

    a, b, ratio = in_turn(unchanged, least, 7)
    note = f"{POLLS / a:,.0f}/s against {POLLS / b:,.0f}/s of a Flask view with one GET of the broker"
    yield Row("b1", "unchanged poll", ratio, "×", 1.5, note=note)
    yield changed(reader)


def changed(reader: Reader) -> Row:
    """The first reader renders; all others with the same rights get the same bytes. All hold the tag of before."""
    before, org = reader.poller("/tasks"), organization_id(reader.app)
    first = []
    for _ in range(30):
        queue.incr(revision_key(org))
        first.append(seconds(before))
    now = reader.poller("/tasks")
    assert (before(), now()) == (200, 304)

    def shared() -> None:
        for _ in range(POLLS):
            before()

    def unchanged() -> None:
        for _ in range(POLLS):
            now()

    _, _, ratio = in_turn(shared, unchanged, 7)
    table = Environment().from_string(TABLE)
    data = [
        {"id": n, "status": "completed", "what": "DNS", "input": "a", "at": "now", "took": "1 s"} for n in range(50)
    ]
    bare = quantile([seconds(lambda: table.render(rows=data)) for _ in range(50)], 0.5)
    note = f"first render {quantile(first, 0.5) * 1000:.1f} ms (a bare table of 50 rows {bare * 1000:.2f} ms)"
    return Row("b2", "changed poll that is shared, against an unchanged one", ratio, "×", 1.3, note=note)


def lists(reader: Reader) -> Iterator[Row]:
    """Rendered each time: the counter is raised before each, so that nothing comes from a cache."""
    org = organization_id(reader.app)

    def page(which: Reader, url: str) -> None:
        queue.incr(revision_key(org))
        assert which.get(url)[0] == 200

    times = [seconds(lambda: page(reader, "/tasks")) * 1000 for _ in range(60)][10:]
    yield Row("c1", "list page at 1,000,000 tasks, p50", quantile(times, 0.5), "ms", 5, note="whole page, rendered")
    deep, _, ratio = in_turn(lambda: page(reader, f"/tasks?after={MANY // 2}"), lambda: page(reader, "/tasks"), 25)
    yield Row("c1", "page 20,000 against page 1", ratio, "×", 1.3, note=f"{deep * 1000:.1f} ms")
    _, _, ratio = in_turn(lambda: page(reader, "/tasks?status=failed"), lambda: page(reader, "/tasks"), 25)
    yield Row("c1", "failed ones only, against page 1", ratio, "×", 1.5)
    apart = Filter(status=("failed",), plugin=("tcp_ports",))
    times = [seconds(lambda: nothing(reader, org, apart)) * 1000 for _ in range(30)]
    note = "of 70,000 failed ones and 45,000 of a plugin none is both"
    yield Row("c1", "two filters that exclude each other", quantile(times, 0.5), "ms", 50, note=note)
    apart = Filter(reason=("exit_code",), plugin=("tcp_ports",))
    times = [seconds(lambda: nothing(reader, org, apart)) * 1000 for _ in range(30)]
    yield Row("c1", "the same without a status", quantile(times, 0.5), "ms", 50, note="a reason and a plugin")
    _, _, ratio = in_turn(lambda: page(reader, "/tasks?group_by=none"), lambda: page(reader, "/tasks"), 25)
    yield Row("c1", "single tasks, against batches", ratio, "×", 1.3)
    single = f"/tasks?group_by=none&after={MANY // 2}"
    deep, _, ratio = in_turn(lambda: page(reader, single), lambda: page(reader, "/tasks?group_by=none"), 25)
    yield Row("c1", "single tasks, page 20,000 against page 1", ratio, "×", 1.3, note=f"{deep * 1000:.1f} ms")
    with world(big(FEW)) as settings:
        small = Reader(settings)
        _, _, ratio = in_turn(lambda: page(reader, "/tasks"), lambda: page(small, "/tasks"), 25)
    yield Row("c1", "1,000,000 tasks against 10,000", ratio, "×", 1.3)


def nothing(reader: Reader, organization: int, chosen: Filter) -> None:
    with reader.app.app_context():
        db.scope_to([organization])
        assert not batches.page(chosen, 25).lines


def search(reader: Reader) -> Iterator[Row]:
    """The first page of what a word finds, against looking into every row; once warm, as each reader after the first."""
    like = sa.or_(*(column.like(f"%{RARE}%") for column in (Task.what, Task.input, Task.error)))

    def found(word: str) -> int:
        with db.unit(reader.app, "bench", reading=True):
            return len(batches.page(Filter(words=(word,)), 25).lines)

    def everywhere() -> None:
        with db.unit(reader.app, "bench", reading=True) as session:
            session.execute(sa.select(Task.id).where(like).order_by(Task.batch_id.desc()).limit(25)).all()

    assert found(RARE) == MANY // RARELY and not found("unheard")
    rare = quantile([seconds(lambda: found(RARE)) for _ in range(30)], 0.5)
    nothing = quantile([seconds(lambda: found("unheard")) for _ in range(30)], 0.5)
    usual = quantile([seconds(lambda: found("records")) for _ in range(10)], 0.5)
    yield Row("c2", "search at 1,000,000 tasks, rare word", rare * 1000, "ms", 50)
    yield Row(
        "c2", "a word that nothing has", nothing * 1000, "ms", 5, note=f"a word that all have: {usual * 1000:.0f} ms"
    )
    _, _, ratio = in_turn(lambda: found(RARE), everywhere, 5)
    yield Row("c2", "rare word, against LIKE", ratio, "×", 0.15)


def counts(reader: Reader) -> Row:
    org = organization_id(reader.app)

    def exact() -> None:
        with db.unit(reader.app, "bench", reading=True) as session:
            session.execute(sa.select(Task.status, sa.func.count()).group_by(Task.status)).all()

    def kept() -> None:
        with db.unit(reader.app, "bench", reading=True):
            queries.counts([org])

    a, b, ratio = in_turn(kept, exact, 7)
    return Row(
        "c3",
        "counts by status, against COUNT(*)",
        ratio,
        "×",
        0.05,
        note=f"{a * 1000:.2f} ms against {b * 1000:.0f} ms",
    )


def bare_view(settings: Settings) -> Flask:
    app = Flask("bare")
    line = redis.Redis.from_url(settings.redis_url)

    @app.get("/")
    def view() -> Response:
        return Response(line.get("muster:epoch"))

    return app
