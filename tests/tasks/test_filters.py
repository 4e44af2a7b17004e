"""One filter from the address, the search box and the API; what cannot be understood is said, with the nearest word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.datastructures import MultiDict

from webapp.tasks.lists.filters import Filter, FilterError, parse
from webapp.tasks.states import LEASED, WAITING, Status

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def asked(*pairs: tuple[str, str]) -> Filter:
    return parse(MultiDict(pairs), NOW)


def test_the_search_box_and_the_address_say_the_same() -> None:
    box = asked(("q", 'status:failed agent:web-* since:24h "free words"'))
    assert box == asked(("status", "failed"), ("agent", "web-*"), ("since", "24h"), ("q", '"free words"'))
    assert box.words == ("free words",) and box.since == NOW - timedelta(hours=24)


@pytest.mark.parametrize(("word", "statuses"), [
    ("queued", {Status.PENDING}), ("CREATED", WAITING), ("Active", LEASED), ("success", {Status.COMPLETED}),
    ("running", {Status.EXECUTING, Status.REPORTING}), ("failed,expired", {Status.FAILED, Status.EXPIRED}),
])  # fmt: skip
def test_the_words_of_the_four_systems_are_understood(word: str, statuses: set[Status]) -> None:
    assert asked(("status", word)).statuses == statuses


def test_an_unknown_key_names_itself_and_the_nearest() -> None:
    with pytest.raises(FilterError, match=r'Unknown filter "statsu"\. Did you mean status\?') as caught:
        asked(("q", "statsu:failed"))
    assert caught.value.near == "status"


@pytest.mark.parametrize(("pair", "text"), [
    (("status", "faild"), 'Unknown status "faild". Did you mean failed?'),
    (("trigger", "manul"), 'Unknown trigger "manul". Did you mean manual?'),
    (("since", "yesterdayish"), "is no time"),
])  # fmt: skip
def test_a_value_that_cannot_be_used_is_told_at_its_key(pair: tuple[str, str], text: str) -> None:
    with pytest.raises(FilterError, match=text.replace("?", r"\?")) as caught:
        asked(pair)
    assert caught.value.key == pair[0]


def test_keys_of_the_list_itself_are_not_filters() -> None:
    assert asked(("per", "50"), ("after", "12")).empty


def test_the_canonical_form_makes_the_same_filter_again() -> None:
    chosen = asked(("q", 'a "b c" plugin:demo'), ("status", "failed"), ("since", "2026-11-20"), ("notes", "1"))
    assert parse(MultiDict(chosen.plain()), NOW) == chosen
    assert chosen.plain() == sorted(chosen.plain())


def test_until_a_day_includes_that_day() -> None:
    assert asked(("until", "2026-11-20")).until == datetime(2026, 11, 21, tzinfo=UTC)
