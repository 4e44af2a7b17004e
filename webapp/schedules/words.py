"""How schedules speak of times, lengths and lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from webapp.calendars.windows import DAY, clock
from webapp.language import N_, _, ngettext

MONTHS = (
    "", N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun"),
    N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec"),
)  # fmt: skip


MONTH_NAMES = (
    "", N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June"),
    N_("July"), N_("August"), N_("September"), N_("October"), N_("November"), N_("December"),
)  # fmt: skip


def listed(words: Sequence[str], last: str = N_("and")) -> str:
    """`Monday, Wednesday and Friday`."""
    return f" {_(last)} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def clocks(times_of_day: tuple[int, ...]) -> str:
    return listed([clock(second) for second in times_of_day])


def date_words(local: datetime) -> str:
    """`21 Nov 2026 06:00`."""
    time = clock(local.hour * 3600 + local.minute * 60 + local.second)
    return _(
        "%(day)s %(month)s %(year)s %(time)s", day=local.day, month=_(MONTHS[local.month]), year=local.year, time=time
    )


def length_words(total: int) -> str:
    """`15 minutes`, `90 minutes`, `36 hours`, `2 days`, `2 hours 30 minutes`."""
    parts: list[str] = []
    for size in (DAY, 3600, 60, 1):
        # Small odd lengths stay in one unit; a single day is clearer in hours.
        whole = total % size == 0 and size != DAY
        if total >= (size if whole or parts else 2 * size):
            count, total = divmod(total, size)
            parts.append(_counted(count, size))
    return " ".join(parts)


def _counted(count: int, size: int) -> str:
    if size == DAY:
        return ngettext("%(num)s day", "%(num)s days", count)
    if size == 3600:
        return ngettext("%(num)s hour", "%(num)s hours", count)
    if size == 60:
        return ngettext("%(num)s minute", "%(num)s minutes", count)
    return ngettext("%(num)s second", "%(num)s seconds", count)


def every_words(total: int) -> str:
    """`Every 15 minutes`, `Every hour`."""
    one = {3600: _("Every hour"), 60: _("Every minute"), 1: _("Every second")}.get(total)
    return one or _("Every %(length)s", length=length_words(total))
