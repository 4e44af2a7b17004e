"""Whatever is sent to whatever call: the answer is never a failure of ours, and refusals are problem+json."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.samples import SAMPLES
from webapp import queue
from webapp.rest.section import Call, sections
from webapp.rest.values import Flag, Many, Moment, Named, OneOf, Shape, Text, Value, Whole

CALLS = [call for section in sections() for call in section.calls if "follow" not in call.query]
ODD = st.sampled_from([
    "", " ", "\0", "\ud800", "²", "٣", "null", "-1", "0", "9" * 30, "1e999", "NaN", "a" * 5_000, "%", "_", "*", "'",
    '"', "\\", "{}", "[]", "../..", "status:failed", "since:99999999w", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00", "all", "anyone", "acme", "demo", "internet|example.com", "⚙", "\u202e",
])  # fmt: skip
SCALARS = st.one_of(
    ODD, st.none(), st.booleans(), st.integers(), st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40]),
    st.floats(), st.text(max_size=20),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD | st.text(max_size=8), inner, max_size=4), max_leaves=8
)  # fmt: skip


def fitting(value: Value) -> st.SearchStrategy[Any]:
    """Mostly what the document asks for, so that the fuzz gets past the first check."""
    if isinstance(value, Shape):
        return st.fixed_dictionaries(
            {name: mostly(field) for name, field in value.fields.items() if field.required},
            optional={name: mostly(field) for name, field in value.fields.items() if not field.required},
        )
    if isinstance(value, Many):
        return st.lists(mostly(value.of), max_size=3)
    if isinstance(value, OneOf):
        return st.one_of(*(fitting(kind) for kind in value.of))
    if isinstance(value, Text):
        return st.sampled_from(value.choices) if value.choices else ODD | st.text(min_size=1, max_size=10)
    if isinstance(value, Whole):
        return st.integers(value.low, value.high)
    if isinstance(value, Flag):
        return st.booleans()
    if isinstance(value, Moment):
        return st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    if isinstance(value, Named):
        known = {"plugin_id": "demo", "input_data": "a"}
        return st.just(known) | st.dictionaries(ODD, ANYTHING, max_size=3)
    return ANYTHING


def mostly(value: Value) -> st.SearchStrategy[Any]:
    return st.integers(0, 5).flatmap(lambda dice: ANYTHING if dice == 0 else fitting(value))


@st.composite
def requests(draw: st.DrawFn) -> tuple[Call, dict[str, str], list[tuple[str, str]], bytes, dict[str, str]]:
    call = draw(st.sampled_from(CALLS))
    real = draw(st.booleans())
    path = {name: "" if real else draw(ODD | st.text(min_size=1, max_size=12)) for name in call.arguments}
    names = st.sampled_from([*call.query, "nothing"])
    query = draw(st.lists(st.tuples(names, st.one_of(ODD, st.text(max_size=10), st.integers().map(str))), max_size=3))
    body = draw(mostly(call.body)) if call.body else draw(st.just({}) | ANYTHING)
    data = draw(st.binary(max_size=30)) if draw(st.integers(0, 9)) == 0 else json.dumps(body).encode()
    headers = draw(
        st.sampled_from(
            [{}, {"If-Match": '"x"'}, {"If-None-Match": "*"}, {"Idempotency-Key": "k"}, {"Range": "bytes=9-"}]
        )
    )
    return call, path, [pair for pair in query if pair[0] != "wait"], data, headers


@pytest.fixture
def real(session: Session, cast: Cast) -> dict[str, str]:
    """One thing of each kind, for addresses that lead somewhere."""
    names = {name for call in CALLS for name in call.arguments}
    return {name: str(SAMPLES[name](cast.acme)) for name in names}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(request=requests())
def test_no_request_makes_us_fail(api: Api, real: dict[str, str], request: Any) -> None:
    call, path, query, data, headers = request
    filled = {name: value or real[name] for name, value in path.items()}
    address = re.sub(r"{(\w+)}", lambda found: _escaped(filled[found[1]]), call.path)
    program = _admin(api)
    kwargs: dict[str, Any] = (
        {"data": data, "content_type": "application/json"} if call.method in ("POST", "PUT") else {}
    )
    queue.delete(*_limits())
    answer = program.call(call.method, address, query_string=_texts(query), headers=headers, **kwargs)
    assert answer.status_code < 500, (call.method, address, query, data, answer.text)
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        assert answer.json["status"] == answer.status_code and answer.json["title"]


def _admin(api: Api) -> Any:
    """One token for a whole run of examples."""
    if not hasattr(api, "admin"):
        api.admin = api("admin")  # type: ignore[attr-defined]
    return api.admin  # type: ignore[attr-defined]


def _limits() -> list[str]:
    """So many calls in a minute would be refused."""
    return [key.decode() for key in queue._line.client.keys("muster:limit:*")]


def _escaped(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="") or "x"


def _texts(query: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, text.encode("utf-8", "replace").decode()) for name, text in query]
