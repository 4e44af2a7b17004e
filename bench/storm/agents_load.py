"""Work for the hosts of a storm: commands, tests and plugins, for one of them, for anyone, for all."""

from __future__ import annotations

from typing import Any

from bench.storm import marker
from bench.storm.agents import Fleet
from bench.storm.load import Accepted, Client
from bench.storm.site import Site
from webapp.clock import now
from webapp.events import SYSTEM
from webapp.library import lifecycle as library

TEST = "marker"
STUBBORN = 0.05


def add_test(site: Site, organization_id: int) -> None:
    """In a unit of work: a test of the library whose build leaves marks too."""
    program = site.folder / "marker-program"
    marker.install_program(program, site.ledger)
    test = library.add_test(organization_id, TEST, "Marker", SYSTEM, now())
    with program.open("rb") as source:
        library.upload(test, source, site.settings.data, SYSTEM, now())


class AgentClient(Client):
    def __init__(self, site: Site, token: str, name: str, seed: int, accepted: Accepted, fleet: Fleet) -> None:
        super().__init__(site, token, name, seed, accepted)
        self.fleet = fleet

    def wanted(self, key: str) -> dict[str, Any]:
        """Keys of tasks for all hosts say so: they make as many tasks as there are hosts then."""
        chance, options = self.random, {"max_retries": self.random.choice((0, 0, 1, 2)), "retry_delay": 1}
        run = {"lines": chance.choice((1, 20, 400)), "seconds": chance.choice((0, 0.2, 1, 3, 12)), "exit_code": 0}
        if chance.random() < 0.1:
            run["exit_code"] = 3
        if chance.random() < STUBBORN:
            run |= {"seconds": 20, "lines": 20, "stubborn": 1, "children": 1}
            options["execution_timeout"] = 3
        body = self._of_a_kind(key, {"stubborn": 0, "children": 0} | run)
        return body | {"options": options, "target": self._aim(key)}

    def _of_a_kind(self, key: str, run: dict[str, Any]) -> dict[str, Any]:
        words = [key, *(str(run[name]) for name in ("lines", "seconds", "exit_code", "stubborn", "children"))]
        kind = self.random.choice(("execute_command", "execute_command", "execute_test", "plugin"))
        if kind == "execute_command":
            return {"type": kind, "data": {"argv": [str(self.site.folder / "marker-program"), *words]}}
        if kind == "execute_test":
            return {"type": kind, "data": {"test": TEST, "arguments": words}}
        plugin = run | {"stubborn": bool(run["stubborn"])}
        return {"type": kind, "data": {"plugin_id": marker.PLUGIN_ID, "input_data": [key], "kwargs": plugin}}

    def _aim(self, key: str) -> dict[str, Any]:
        if self.for_all(key):
            return {"agents": "all"}
        named = {"agents": [self.random.choice(self.fleet.hosts).uuid]}
        return self.random.choice((named, {"agents": "anyone"}))

    @staticmethod
    def for_all(key: str) -> bool:
        return key.startswith("a") and key.endswith(("0", "5"))

    def took(self, key: str, answer: dict[str, Any]) -> None:
        if self.for_all(key):
            self.accepted.batches[key] = answer.get("batch_id") or answer["id"]
        else:
            super().took(key, answer)
