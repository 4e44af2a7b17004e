"""The web server's processes fall one after the other."""

from __future__ import annotations

from tests.faults.conftest import Faulty
from tests.workers.processes import until


def test_a_web_process_does_not_outlive_the_main_one_that_died_while_it_was_loading(site: Faulty) -> None:
    site.start_part("web")
    until(lambda: site.children("web"))
    site.kill("web")
    until(lambda: not site.leftovers())


def test_a_web_process_that_is_killed_comes_back(site: Faulty) -> None:
    site.start_part("web")
    until(site.serves)
    serving = site.children("web")
    site.kill_pids(serving)
    until(lambda: set(site.children("web")) - set(serving) and site.serves())
