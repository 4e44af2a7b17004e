"""The network between one agent and the server: cut, half-open, slow, losing answers, sending twice and out of order."""

from __future__ import annotations

from collections.abc import Callable

from bench.storm.proxy import Proxy, Weather
from bench.storm.storm import Storm

SHORT, LONG = (1.0, 5.0, 15.0), (5.0, 70.0, 200.0)  # the lease ends after 60 s, the grace after 180 s


def cut(storm: Storm) -> bool:
    return _struck(storm, LONG, Proxy.cut)


def half_open(storm: Storm) -> bool:
    return _struck(storm, LONG, lambda proxy: _become(proxy, Weather(silent=True)))


def slow(storm: Storm) -> bool:
    weather = Weather(slow=storm.random.choice((0.3, 2.0, 8.0)))
    return _struck(storm, SHORT, lambda proxy: _become(proxy, weather))


def answers_lost(storm: Storm) -> bool:
    weather = Weather(loses_answers=storm.random.choice((0.2, 0.5, 1.0)))
    return _struck(storm, SHORT, lambda proxy: _become(proxy, weather))


def doubled(storm: Storm) -> bool:
    """Each message up to three times, copies after later ones too, and neighbours in any order."""
    return _struck(storm, SHORT, lambda proxy: _become(proxy, Weather(doubles=0.7, slow=0.5)))


def _struck(storm: Storm, seconds: tuple[float, ...], worsen: Callable[[Proxy], None]) -> bool:
    fair = [host.proxy for host in storm.fleet.hosts if host.proxy.weather == Weather()]
    if not fair:
        return False
    proxy = storm.random.choice(fair)
    worsen(proxy)
    storm.later(storm.random.choice(seconds), proxy.fair)
    return True


def _become(proxy: Proxy, weather: Weather) -> None:
    proxy.weather = weather
