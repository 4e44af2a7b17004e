"""The client of a storm: it asks for tasks with keys of its own and repeats a question until it is answered."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.storm.marker import PLUGIN_ID
from bench.storm.site import Site

PATIENCE = 15.0
ANSWERS = (201, 200, 202, 204, 404, 409, 503, 429)


@dataclass
class Accepted:
    """What the server has promised. `open`: asked for, and not yet answered when the storm ended."""

    uuids: dict[str, str] = field(default_factory=dict)
    batches: dict[str, str] = field(default_factory=dict)  # keys that make one task for each agent
    open: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)


class Client(threading.Thread):
    def __init__(self, site: Site, token: str, name: str, seed: int, accepted: Accepted) -> None:
        super().__init__(name=name, daemon=True)
        self.site, self.token, self.accepted = site, token, accepted
        self.random = random.Random(f"{seed} {name}")
        self.enough, self.numbers = threading.Event(), 0

    def run(self) -> None:
        while not self.enough.wait(self.random.uniform(0.1, 0.9)):
            self.numbers += 1
            self.ask(f"{self.name}-{self.numbers:05}")

    def ask(self, key: str) -> None:
        """Until it is answered: a lost answer is no answer, and the same key must not make a second task."""
        body = self.wanted(key)
        self.accepted.open.add(key)
        while not self.enough.is_set():
            answer = call(self.site, self.token, "POST", "/api/v1/tasks/", body, key)
            self.accepted.answers[str(answer.status)] += 1
            if answer.status == 201:
                self.took(key, answer.body)
                self.accepted.open.discard(key)
                return
            if answer.status and answer.status not in ANSWERS:
                self.accepted.strange.append(f"POST {key}: {answer.status} {answer.body}")
                return
            self.enough.wait(0.3)

    def wanted(self, key: str) -> dict[str, Any]:
        return wanted(key, self.random)

    def took(self, key: str, answer: dict[str, Any]) -> None:
        self.accepted.uuids[key] = answer["id"]


def wanted(key: str, chance: random.Random) -> dict[str, Any]:
    """A task as many kinds of real ones are: quick, slow, failing, hanging, with and without retries."""
    kwargs: dict[str, Any] = {"lines": chance.choice((1, 20, 200)), "seconds": chance.choice((0, 0, 0.2, 1, 3))}
    options: dict[str, Any] = {"max_retries": chance.choice((0, 0, 1, 2)), "retry_delay": 1}
    if chance.random() < 0.1:
        kwargs["exit_code"] = 3
    if chance.random() < 0.05:
        kwargs |= {"seconds": 20, "lines": 20, "stubborn": True, "children": 1}
        options["execution_timeout"] = 2
    return {"data": {"plugin_id": PLUGIN_ID, "input_data": [key], "kwargs": kwargs}, "options": options}


@dataclass(frozen=True)
class Answer:
    """`status` 0: the connection broke."""

    status: int
    body: Any = None


def call(site: Site, token: str, verb: str, path: str, body: object = None, key: str = "") -> Answer:
    line = http.client.HTTPConnection("127.0.0.1", site.settings.port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        line.request(
            verb,
            path,
            json.dumps(body) if body is not None else None,
            headers | ({"Idempotency-Key": key} if key else {}),
        )
        response = line.getresponse()
        text = response.read()
        return Answer(response.status, json.loads(text) if text else None)
    except (OSError, http.client.HTTPException, ValueError):
        return Answer(0)
    finally:
        line.close()
