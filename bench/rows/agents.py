"""What a fleet costs: beats and claims of idle agents, how soon work starts, and how fast output comes in.

Processor time is the web server's own, so that the process which speaks for all agents does not count.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import cycle, islice
from typing import Any

import sqlalchemy as sa

from bench.fleet import Simulated, Voice, Yard, listening, voice, yard
from bench.measure import Row, quantile, seconds
from bench.rows.idle import pss, ticks
from bench.world import Reader
from webapp import clock, db
from webapp.events import Actor
from webapp.tasks import launch
from webapp.tasks.log import output
from webapp.tasks.models import Task
from webapp.tasks.spec import parse
from webapp.tasks.states import Trigger
from workers.agent import protocol as p

KEYS = ("d", "d2", "f", "agent", "batch")
FLEET = 1_000
BY = Actor("user", "bench", None)
BEATS, CLAIMS = 8_000, 6_000
PACED_SECONDS, CLAIMS_A_SECOND = 10, 50
STARTS = 30
OUTPUT = 64 * 2**20
QUIET_SECONDS = 20


def rows(wanted: set[str]) -> Iterator[Row]:
    with yard(FLEET) as place:
        place.start("web", "loops")
        run(place, everybody)
        if "d" in wanted:
            yield from idle_fleet(place)
        if "d2" in wanted:
            yield from waking(place)
        if "f" in wanted:
            yield from transfer(place)
        if "agent" in wanted:
            yield from one_agent(place)
        if "batch" in wanted:
            yield from batch(place)


def run(place: Yard, act: Callable[[Yard, Voice], Awaitable[Any]]) -> Any:
    async def speak() -> Any:
        async with voice(place.settings.port) as speaker:
            return await act(place, speaker)

    return asyncio.run(speak())


async def everybody(place: Yard, speaker: Voice) -> None:
    """All agents are there and known: their first beat is news, the second one is not."""
    for _ in range(2):
        await speaker.ask_all([agent.beat for agent in place.agents])


# --- d ------------------------------------------------------------------------------------------------------


def idle_fleet(place: Yard) -> Iterator[Row]:
    beats = [agent.beat for agent in islice(cycle(place.agents), BEATS)]
    before = transactions(place)
    rate, errors = run(place, lambda _, speaker: burst(place, speaker, beats))
    share = (transactions(place) - before) / BEATS
    yield Row("d", "beats of idle agents per second of processor", rate, "/s", 1_000, "more",
              f"{rate * 10:,.0f} agents a core at 10 s; {errors} errors")  # fmt: skip
    yield Row("d", "transactions per beat, all parts together", share, "", 0.1)
    first, _ = run(place, lambda _, speaker: burst(place, speaker, [agent.claim for agent in place.agents]))
    claims = [agent.claim for agent in islice(cycle(place.agents), CLAIMS)]
    rate, errors = run(place, lambda _, speaker: burst(place, speaker, claims))
    note = f"{first:,.0f} where the database has to be looked into, once in five minutes; {errors} errors"
    yield Row("d", "claims of idle agents per second of processor", rate, "/s", 700, "more", note)
    yield from working_fleet(place)


async def burst(place: Yard, speaker: Voice, questions: list[Callable[[], bytes]]) -> tuple[float, int]:
    pid = place.parts["web"].pid
    used = ticks(pid)
    await speaker.ask_all(questions)
    return len(questions) / max(ticks(pid) - used, 1) * os.sysconf("SC_CLK_TCK"), speaker.heard.errors


def working_fleet(place: Yard) -> Iterator[Row]:
    """All beat every 10 s, while 50 tasks a second are claimed."""
    names = [agent.uuid for agent in place.agents[: PACED_SECONDS * CLAIMS_A_SECOND]]
    launched(place, {"type": "execute_command", "data": {"command": "true"}, "target": {"agents": names}})

    async def work(_: Yard, speaker: Voice) -> tuple[float, float, int]:
        beats = [agent.beat for agent in place.agents]
        claims = [agent.claim for agent in place.agents[: len(names)]]
        pid = place.parts["web"].pid
        used = ticks(pid)
        begun = time.perf_counter()
        async with voice(place.settings.port) as other:
            await asyncio.gather(speaker.ask_in_time(beats, PACED_SECONDS / len(beats)),
                                 other.ask_in_time(claims, PACED_SECONDS / len(claims)))  # fmt: skip
            wrong = speaker.heard.errors + other.heard.errors + len(claims) - other.heard.statuses.get(200, 0)
        busy = (ticks(pid) - used) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - begun)
        return quantile(speaker.heard.seconds, 0.99) * 1000, busy, wrong

    late, busy, wrong = run(place, work)
    note = f"100 beats and {CLAIMS_A_SECOND} claims with work a second take {busy:.0%} of a core"
    yield Row("d", "a beat meanwhile, p99", late, "ms", 50, note=note)
    yield Row("d", "claims without work, or refused", wrong, "", 0)


def transactions(place: Yard) -> int:
    place.scalar("SELECT pg_stat_clear_snapshot()")
    time.sleep(1.5)  # until all sessions have told their counts
    told = place.scalar("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
    return int(told)


# --- d2 -----------------------------------------------------------------------------------------------------


def waking(place: Yard) -> Iterator[Row]:
    for what, target in (("one that is named", None), ("anyone", "anyone")):
        times = run(place, partial(starts, target=target))
        note = f"{FLEET:,} listen on the wake channel; p50 {quantile(times, 0.5) * 1000:.0f} ms"
        yield Row("d2", f"created → started by {what}, p95", quantile(times, 0.95), "s", 1, note=note)


async def starts(place: Yard, speaker: Voice, *, target: str | None) -> list[float]:
    started: asyncio.Queue[float] = asyncio.Queue()
    lines = [await listening(place, agent) for agent in place.agents]
    ears = [asyncio.create_task(listen(agent, line[0], speaker, started))
            for agent, line in zip(place.agents, lines, strict=True)]  # fmt: skip
    times = []
    for number in range(STARTS):
        names = target or [place.agents[number * 7].uuid]
        begun = time.perf_counter()
        body = {"type": "execute_command", "data": {"command": "true"}, "target": {"agents": names}}
        await asyncio.to_thread(launched, place, body)
        times.append(await asyncio.wait_for(started.get(), 30) - begun)
    for ear in ears:
        ear.cancel()
    for _, writer in lines:
        writer.close()
    return times


async def listen(agent: Simulated, reader: asyncio.StreamReader, speaker: Voice, started: asyncio.Queue[float]) -> None:
    while line := await reader.readline():
        if line.strip().decode() == p.WAKE_CLAIM:
            status, body = await speaker.ask(agent.claim())
            for task in json.loads(body)["tasks"] if status == 200 else ():
                await speaker.ask(agent.start(task))
                started.put_nowait(time.perf_counter())


# --- f ------------------------------------------------------------------------------------------------------


def transfer(place: Yard) -> Iterator[Row]:
    """One host sends as fast as it can; somebody reads the newest bytes meanwhile."""
    agent = place.agents[0]
    body = {"type": "execute_command", "data": {"command": "true"}, "target": {"agents": [agent.uuid]}}
    launched(place, body)
    rate, busy, task = run(place, lambda _, speaker: sending(place, speaker, agent))
    note = f"{rate / busy:.0f} MB a second of processor" if busy else ""
    yield Row("f", "output of one host, persisted", rate, "MB/s", 45, "more", note)
    folder = output.folder(place.settings.data, task)
    begin = output.sizes(folder)["stdout"] - 64 * 1024
    last = seconds(lambda: b"".join(output.chunks(folder, "stdout", begin, begin + 64 * 1024))) * 1000
    yield Row("f", "the newest 64 kB by offset, to the viewer", last, "ms", 300)


async def sending(place: Yard, speaker: Voice, agent: Simulated) -> tuple[float, float, str]:
    _, body = await speaker.ask(agent.claim())
    (task,) = json.loads(body)["tasks"]
    await speaker.ask(agent.start(task))
    data, pid = os.urandom(p.MAX_CHUNK), place.parts["web"].pid
    head = f"{p.LEASE_SEQ_HEADER}: {task['lease_seq']}\r\n{p.LEASE_TOKEN_HEADER}: {task['token']}\r\n"
    head += f"{p.CHUNK_CRC_HEADER}: {zlib.crc32(data):08x}\r\n"
    path = p.task_path(task["task_id"], "log?stream=stdout")
    used, begun = ticks(pid), time.perf_counter()
    for offset in range(0, OUTPUT, len(data)):
        place_of = f"Content-Range: bytes {offset}-{offset + len(data) - 1}/*\r\n"
        status, answer = await speaker.ask(agent.request("PATCH", path, data, head + place_of))
        assert status == 202, answer
    took = time.perf_counter() - begun
    busy = (ticks(pid) - used) / os.sysconf("SC_CLK_TCK") / took
    return OUTPUT / 1e6 / took, busy, task["task_id"]


# --- one agent ----------------------------------------------------------------------------------------------


def one_agent(place: Yard) -> Iterator[Row]:
    """The real program, enrolled and idle."""
    from bench.rows.one_agent import running

    with running(place) as pid:
        time.sleep(5)
        before, begun = ticks(pid), time.perf_counter()
        time.sleep(QUIET_SECONDS)
        used = (ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - begun) * 100
        yield Row("agent", "one agent that is idle, memory (PSS)", pss(pid) / 1024, "MB", 40)
        yield Row("agent", "one agent that is idle, processor", used, "%", 0.5)


# --- a3 -----------------------------------------------------------------------------------------------------


def batch(place: Yard) -> Iterator[Row]:
    reader = Reader(place.settings)
    quantile([seconds(lambda: reader.get("/tasks")) for _ in range(10)], 0.5)
    before = quantile([seconds(lambda: reader.get("/tasks")) for _ in range(30)], 0.5)
    with db.unit(place.app, "bench") as session:
        session.execute(sa.text("UPDATE agent SET last_seen_at = now()"))
    data = {"plugin_id": "demo", "input_data": list(range(10))}
    took = seconds(lambda: launched(place, {"data": data, "target": {"agents": "all"}}))
    with db.unit(place.app, "bench", reading=True) as session:
        made = session.scalar(sa.select(sa.func.count()).select_from(Task).where(Task.plugin_id == "demo"))
    yield Row("a3", "10,000 tasks for agents in one batch", took, "s", 3, note=f"{made:,} made")
    after = quantile([seconds(lambda: reader.get("/tasks")) for _ in range(30)], 0.5)
    yield Row(
        "a3", "the list with it, against the list before", after / before, "×", 1.3, note=f"{after * 1000:.1f} ms"
    )


def launched(place: Yard, body: dict[str, Any]) -> None:
    home = place.agents[0].organization_id
    with place.app.app_context():
        db.scope_to([home], home)
        launch.launch(parse(body), Trigger.API, BY, clock.now())
        db.db.session.commit()
