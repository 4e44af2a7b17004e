"""A signed test of the library, on agents that have a build for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webapp.db import writing
from webapp.language import N_, _
from webapp.library import builds
from webapp.library.manifest import ARCHES, PLATFORMS
from webapp.library.models import Build
from webapp.tasks.states import Outcome

if TYPE_CHECKING:
    from webapp.agents.models import Agent
    from webapp.library.models import Test
    from webapp.tasks.kinds import Part
    from webapp.tasks.spec import Spec

TYPE = "execute_test"
LABEL = N_("Security test")
ICON = "library"
MAX_RETRIES = 2
RETRY_ON = ("agent_offline",)
# Both say that it ran as it should; which of them came is the outcome.
SUCCESS = (0, 1)
FIELDS = ("test", "platform", "arch", "arguments", "target_index")
LONGEST_ARGUMENTS = 65_536


def prepare(spec: Spec) -> list[Part]:
    from webapp.tasks.kinds import Part

    test, data = _checked(spec)
    wanted = "/".join(data[name] for name in ("platform", "arch") if name in data)
    return [Part(what=test.name[:200], data=data, input=wanted, test_id=test.id)]


def suits(data: dict[str, Any], agent: Agent) -> str | None:
    if TYPE not in agent.capabilities:
        return _("%(hostname)s does not run tests", hostname=agent.hostname)
    if any(
        data.get(name, known) not in (known, "any") for name, known in (("platform", agent.os), ("arch", agent.arch))
    ):
        return _(
            "%(hostname)s is %(platform)s, and the test was asked for %(data)s",
            hostname=agent.hostname,
            platform=agent.platform,
            data=_wanted(data),
        )
    if build_for(data, agent) is None:
        return _(
            'There is no %(platform)s build of "%(data)s" for %(hostname)s',
            platform=agent.platform,
            data=data["test"],
            hostname=agent.hostname,
        )
    return None


def build_for(data: dict[str, Any], agent: Agent) -> Build | None:
    """The one that runs there; a platform or architecture that was chosen leaves only its own builds."""
    build = builds.build_for(data["test"], agent.organization_id, agent.os, agent.arch)
    chosen = [name for name in ("platform", "arch") if name in data]
    if build is None or all(getattr(build, name) == data[name] for name in chosen):
        return build
    exact = [
        each for each in builds.usable(data["test"], agent.organization_id)
        if builds.fits(each, agent.os, agent.arch) and all(getattr(each, name) == data[name] for name in chosen)
    ]  # fmt: skip
    return max(exact, key=lambda each: each.version, default=build)


def outcome(exit_code: int) -> str | None:
    return {0: Outcome.UNPROTECTED, 1: Outcome.PROTECTED}.get(exit_code, Outcome.ERROR)


def _checked(spec: Spec) -> tuple[Test, dict[str, Any]]:
    from webapp.tasks.spec import SpecError, error, unknown

    if strange := [name for name in spec.data if name not in FIELDS]:
        raise SpecError([{"field": f"data.{name}", "message": unknown(name, FIELDS)} for name in strange])
    if not spec.target.on_agents:
        raise error("target", _('Select at least one agent, or choose "Anyone"'))
    data = {name: value for name, value in spec.data.items() if value not in (None, "", [])}
    test = _test(data.get("test"))
    for name, choices in (("platform", PLATFORMS), ("arch", ARCHES)):
        if name in data and data[name] not in choices:
            raise error(f"data.{name}", _("Choose one of %(choices)s", choices=", ".join(choices)))
    _require_texts(data)
    _require_build(test, data)
    return test, data


def _test(slug: Any) -> Test:
    from webapp.tasks.spec import error

    if not isinstance(slug, str) or not slug:
        raise error("data.test", _("Choose a test"))
    test = builds.by_slug(slug, writing())
    if test is None:
        raise error("data.test", _('There is no test "%(slug)s" in the library', slug=slug[:100]))
    if not test.enabled:
        raise error("data.test", _("%(name)s is disabled", name=test.name))
    return test


def _require_texts(data: dict[str, Any]) -> None:
    from webapp.tasks.spec import error

    arguments = data.get("arguments", [])
    if not isinstance(arguments, list) or not all(isinstance(word, str) and "\0" not in word for word in arguments):
        raise error("data.arguments", _("Enter the arguments as a list of texts"))
    if sum(map(len, arguments)) > LONGEST_ARGUMENTS:
        raise error(
            "data.arguments",
            _("Use at most %(longest_arguments)s characters", longest_arguments=f"{LONGEST_ARGUMENTS:,}"),
        )
    if not isinstance(data.get("target_index", ""), str):
        raise error("data.target_index", _("Enter the name of an index"))


def _require_build(test: Test, data: dict[str, Any]) -> None:
    """Whatever the agents: without any build it could only wait for ever."""
    from webapp.tasks.spec import error

    known = builds.usable(test.slug, test.organization_id)
    if not known:
        raise error("data.test", _('There is no build of "%(name)s" yet. Upload one', name=test.name))
    if not any(all(getattr(build, name) in (data.get(name, getattr(build, name)), "any") for name in ("platform", "arch"))
               for build in known):  # fmt: skip
        raise error(
            "data.platform",
            _(
                'There is no %(data)s build of "%(name)s". Upload one, or choose another',
                data=_wanted(data),
                name=test.name,
            ),
        )


def _wanted(data: dict[str, Any]) -> str:
    return "/".join(data[name] for name in ("platform", "arch") if name in data)
