"""The kinds of rules, one module each, behind one contract:

parse(fields, given) -> rule      reads its fields; what is wrong is gathered in `fields`
after(rule, moment, tz, seed)     -> the first When strictly later than `moment`, None at the end.
                                  It computes from `moment`, never by counting up from an old start
describe(rule, zone) -> str       the rule in words, time zone included where it matters
example                           a rule that a form or a document can show

A time that the clocks skip or repeat is settled by `calendars.zones.resolve` in the kinds that name
wall times; kinds that count (interval, cron with a wildcard) go on in elapsed time.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from webapp.schedules.kinds import cron, freshness, interval, monthly, once, randomised, times, weekly

KINDS: Mapping[str, ModuleType] = {
    "once": once,
    "times": times,
    "interval": interval,
    "weekly": weekly,
    "monthly": monthly,
    "random": randomised,
    "cron": cron,
    "freshness": freshness,
}
ALIASES = {"daily": "times"}
