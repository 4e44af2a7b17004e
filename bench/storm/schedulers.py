"""Four schedulers on one database, killed with -9 all the time: each due moment starts one task, none is left out.

`python -m bench.storm.schedulers --minutes 10 --db postgres`
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.storm import schedules
from bench.storm.__main__ import SLACK, database
from bench.storm.schedules import Planned
from bench.storm.site import Site, wait_for
from webapp.tasks import invariants

NAMES = tuple(f"scheduler-{number}" for number in range(1, 5))
PAUSE = 1.0, 8.0  # seconds between two kills: a process needs some to start
LAST = 60.0  # seconds in which none is killed: nothing is begun a minute after a schedule's end
SETTLED = 120.0
PER_MINUTE = 1_000  # moments due: ten thousand in ten minutes


def main() -> int:
    asked = arguments()
    seconds = asked.minutes * 60
    print(f"{len(NAMES)} schedulers for {asked.minutes:g} min on {asked.db}, seed {asked.seed}", flush=True)
    signal.alarm(int(seconds + SETTLED + SLACK))
    folder = Path(tempfile.mkdtemp(prefix="muster-schedulers-"))
    with database(asked.db) as url:
        found = run(Site(folder, url, NAMES), asked.seed, seconds)
    for line in found[:100]:
        print(f"  {line}")
    if found:
        print(f"The folder is kept: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def run(site: Site, seed: int, seconds: float) -> list[str]:
    try:
        site.start()
        planned = schedules.strict(site, seed, seconds + LAST, int(PER_MINUTE * seconds / 60))
        kills = rage(site, random.Random(seed), seconds)
        begun = time.monotonic()
        settled = wait_for(lambda: quiet(site, planned), LAST + SETTLED, 0.5)
        found = verdict(site, planned)
        told(site, planned, kills, time.monotonic() - begun)
    finally:
        left = site.stop()
    found += [] if settled else ["not all schedules came to their end"]
    found += [f"process {pid} outlived the site" for pid in left]
    print(f"{len(found)} violations (seed {seed})")
    return found


def rage(site: Site, chance: random.Random, seconds: float) -> int:
    """Each is brought back at its own time, so that now and then none is left for a while."""
    until = time.monotonic() + seconds
    back: dict[str, float] = {}
    kills, following = 0, time.monotonic() + 3
    while (moment := time.monotonic()) < until:
        if moment >= following:
            name = chance.choice(NAMES)
            kills += site.kill(name)
            back.setdefault(name, moment + chance.uniform(0, 3))
            following = moment + chance.uniform(*PAUSE)
        for name in [name for name, at in back.items() if at <= moment]:
            del back[name]
            site.start_part(name)
        time.sleep(0.05)
    site.heal()
    return kills


def quiet(site: Site, planned: list[Planned]) -> bool:
    with site.unit() as session:
        return not schedules.unsettled(session, planned)


def verdict(site: Site, planned: list[Planned]) -> list[str]:
    with site.unit() as session:
        broken = [str(each) for each in invariants.check(session, site.settings.data)]
        return broken + schedules.violations(session, planned, must_fire=True)


def told(site: Site, planned: list[Planned], kills: int, settling: float) -> None:
    due = sum(1 for each in planned for _ in each.due())
    with site.unit() as session:
        print(f"{kills} kills, {len(planned)} schedules, {due:,} moments due, slots: {schedules.ends(session)}")
        print(f"settled {settling:.0f} s after the last kill; the slowest one {schedules.latest(session):.0f} s late")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.storm.schedulers", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="postgres")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
