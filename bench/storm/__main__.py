"""`make storm`: break things on purpose, then count. The same seed draws the same faults."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.storm import agents_verdict, verdict
from bench.storm.faults import FAULTS, ONLY_POSTGRES
from bench.storm.site import Site, wait_for
from bench.storm.storm import QUIET, Storm

READY_SECONDS = 60
SLACK = 300  # seconds for starting, checking and stopping


def main() -> int:
    asked = arguments()
    names = (
        asked.only.split(",")
        if asked.only
        else sorted(FAULTS.keys() - (ONLY_POSTGRES if asked.db == "sqlite" else set()))
    )
    faults = {name: FAULTS[name] for name in names}
    print(f"Storm of {asked.minutes:g} min on {asked.db}, seed {asked.seed}: {', '.join(faults)}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="muster-storm-"))
    signal.alarm(int(asked.minutes * 60 + QUIET + SLACK))  # ends a storm that hangs itself, by SIGALRM
    with database(asked.db) as url:
        site = Site(folder, url)
        broken = run(Storm(site, asked.seed), faults, asked.minutes * 60)
    if broken:
        print(f"\nThe folder is kept: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def run(storm: Storm, faults: dict[str, Callable[[Storm], bool]], seconds: float) -> list[str]:
    site = storm.site
    try:
        site.start()
        if not wait_for(site.serves, READY_SECONDS):
            return report(storm, None, ["the site did not become ready"])
        storm.begin(seconds)
        storm.rage(faults, seconds)
        quiet = storm.calm()
        found = verdict.violations(site, storm.accepted, storm.schedules) + agents_verdict.violations(
            site, storm.fleet, storm.accepted
        )
        facts = verdict.summary(site)
    finally:
        left = [*storm.fleet.stop(), *site.stop()]
    found += [f"Inv10 process {pid} outlived the site" for pid in left]
    tell(storm, facts)
    return report(storm, quiet, found)


def tell(storm: Storm, facts: dict[str, object]) -> None:
    print(f"\n{'fault':<24} struck")
    for name, count in sorted(storm.struck.items()):
        print(f"{name:<24} {count:>6}")
    accepted = storm.accepted
    print(f"\n{len(accepted.uuids)} tasks accepted, {len(accepted.open)} questions unanswered at the end")
    print(f"answers: {dict(accepted.answers.most_common())} (0: the connection broke)")
    print(f"rows: {facts['rows']}, of them retries: {facts['retries']}, late news believed: {facts['late']}")
    print(f"ends: {facts['ends']}")
    print(f"slots of {len(storm.schedules)} schedules: {facts['slots']}")
    for line in agents_verdict.summary(storm.fleet):
        print(line)


def report(storm: Storm, quiet: float | None, found: list[str]) -> list[str]:
    print("all ended " + (f"{quiet:.0f} s after the last fault" if quiet is not None else "NOT within the quiet"))
    print(f"\n{len(found)} violations (seed {storm.seed})")
    for line in found[:100]:
        print(f"  {line}")
    return found


@contextmanager
def database(kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield ""
        return
    import sqlalchemy as sa

    from tests.databases import start

    folder = Path(tempfile.mkdtemp(prefix="muster-storm-pg-"))
    server = start(folder)
    try:
        yield sa.make_url(server.get_uri()).render_as_string(hide_password=False)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--only", default="", help="names of faults, with commas")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
