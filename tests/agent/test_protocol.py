"""Messages: what goes out comes in, what is wrong is named, what is new is ignored."""

import dataclasses
import inspect
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from workers.agent import protocol as p

TASK_ID = "01234567-89ab-4cde-8f01-23456789abcd"
PLAIN = {str: "text", int: 7, float: 1.5, bool: True, Any: {"x": [1]}}
MESSAGES = [kind for _, kind in inspect.getmembers(p, dataclasses.is_dataclass)]


def sample(kind):
    return kind(**{name: TASK_ID if name == "task_id" else value(type) for name, type in get_type_hints(kind).items()})


def value(type):
    if get_origin(type) is list:
        return [value(get_args(type)[0])]
    if get_origin(type) is dict:
        return {"key": value(get_args(type)[1])}
    if get_origin(type) is Union:
        return value(get_args(type)[0])
    return sample(type) if dataclasses.is_dataclass(type) else PLAIN[type]


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_message_survives_the_way(kind):
    message = sample(kind)
    assert kind.from_json(message.to_json()) == message


@pytest.mark.parametrize("kind", MESSAGES)
def test_unknown_fields_are_ignored(kind):
    message = sample(kind)
    assert kind.from_json({**message.to_json(), "from_the_future": 1}) == message


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_wrong_type_is_named(kind):
    right = sample(kind).to_json()
    for name in right:
        if get_type_hints(kind)[name] is Any:
            continue
        with pytest.raises(p.BadMessage, match=name):
            kind.from_json({**right, name: object()})


@pytest.mark.parametrize("value", [None, [], "x", 1, {}])
def test_what_is_no_message_is_refused(value):
    with pytest.raises(p.BadMessage):
        p.StartReply.from_json(value)


@pytest.mark.parametrize("task_id", ["../../etc", "", TASK_ID + "\n", TASK_ID.upper(), "0" * 36])
def test_a_task_id_is_a_uuid_for_it_becomes_a_path(task_id):
    with pytest.raises(p.BadMessage, match="UUID"):
        p.RunningTask.from_json({**sample(p.RunningTask).to_json(), "task_id": task_id})


def test_true_is_no_number_and_a_whole_number_is_a_float():
    with pytest.raises(p.BadMessage):
        p.StartReply.from_json({"deadline_s": True})
    assert p.StartReply.from_json({"deadline_s": 3}).deadline_s == 3.0


def test_the_signed_part_of_a_task_is_all_of_it_but_the_lease():
    task = sample(p.ClaimedTask).to_json()
    signed = p.command_of({**task, "new": 1})
    assert set(task) - set(signed) == {"lease_seq", "token", "command_signature"}
    assert signed["new"] == 1
