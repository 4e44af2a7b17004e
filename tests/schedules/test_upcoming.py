"""What runs in the next day or week, in the picture and one after the other."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.schedules import made
from webapp import clock

PATH = "/tasks/schedules/upcoming"
SIX_HOURS = {"kind": "interval", "every": "6h"}
MINUTES = {"kind": "cron", "expr": "* * * * *"}


def test_a_day_and_a_week(client: Browser, session: Session, cast: Cast) -> None:
    client.login("viewer")
    assert "Nothing is due in this time." in client.get(PATH).text
    made.schedule(cast.acme, SIX_HOURS, clock.now(), name="Quarterly of a day")
    day, week = (client.get(f"{PATH}?hours={hours}").text for hours in (24, 168))
    assert "4 runs" in day and "28 runs" in week and "Quarterly of a day" in day


def test_a_busy_schedule_is_one_line_and_hides_no_other(client: Browser, session: Session, cast: Cast) -> None:
    """It has more runs than are counted; those of the others after that are listed none the less."""
    made.schedule(cast.acme, SIX_HOURS, clock.now(), name="Quarterly of a day")
    made.schedule(cast.acme, MINUTES, clock.now(), name="All the time")
    page = client.login("viewer").get(f"{PATH}?hours=168").text
    lines = re.findall(r'<tr id="run-\d+">.*?</tr>', page, re.DOTALL)
    busy = [line for line in lines if "All the time" in line]
    assert len(busy) == 1 and "and so on: Every minute" in busy[0]
    assert sum("Quarterly of a day" in line for line in lines) == 28 - 26  # the first one, and all that follow it
    assert "and 26 more until" in page and "more than 300 runs" in page
