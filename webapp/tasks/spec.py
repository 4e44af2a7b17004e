"""What to run and how: the one value that dialog, API, schedules and definitions all share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from webapp.language import _
from webapp.tasks import states
from webapp.tasks.duration import seconds
from webapp.tasks.reasons import Reason

NO_TARGET, AGENTS, ALL, ANYONE, TAGS, USER, OBJECTS, OBJECT_SET, FILES = (
    "none",
    "agents",
    "all",
    "anyone",
    "tags",
    "user",
    "objects",
    "object_set",
    "files",
)
ON_AGENTS = frozenset({AGENTS, ALL, ANYONE, TAGS, USER})


class SpecError(ValueError):
    """The spec cannot be used; each error names its field, as a path that API and forms share."""

    def __init__(self, errors: list[dict[str, str]]):
        super().__init__("; ".join(f"{e['field']}: {e['message']}" for e in errors))
        self.errors = errors


def error(field_name: str, message: str) -> SpecError:
    return SpecError([{"field": field_name, "message": message}])


@dataclass(frozen=True)
class Target:
    kind: str = NO_TARGET
    names: tuple[str, ...] = ()
    match: str = "any"
    include_offline: bool = False

    @property
    def on_agents(self) -> bool:
        return self.kind in ON_AGENTS

    def to_json(self) -> dict[str, Any]:
        match self.kind:
            case "agents":
                return {"agents": list(self.names)}
            case "all" | "anyone":
                return {"agents": self.kind} | ({"include_offline": True} if self.include_offline else {})
            case "tags":
                return {"tags": list(self.names), "match": self.match}
            case "user" | "object_set":
                return {self.kind: self.names[0]}
            case "objects" | "files":
                return {self.kind: list(self.names)}
        return {}


@dataclass(frozen=True)
class Options:
    priority: int = 1
    execution_timeout: int = 300
    max_retries: int | None = None
    retry_on: tuple[str, ...] | None = None
    retry_delay: int = 30
    expires_in: int | None = None
    not_before: datetime | None = None
    window: dict[str, str] | None = None
    success_exit_codes: tuple[int, ...] | None = None
    max_output: int = 100 * 2**20
    limit: str | None = None
    run_as: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    tags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults: short rows, and defaults can change for old schedules."""
        kept = {k: v for k, v in vars(self).items() if v != getattr(PLAIN, k)}
        if self.not_before:
            kept["not_before"] = self.not_before.isoformat()
        return {k: list(v) if isinstance(v, tuple) else dict(v) if isinstance(v, dict) else v for k, v in kept.items()}


PLAIN = Options()


@dataclass(frozen=True)
class Spec:
    type: str
    data: dict[str, Any]
    target: Target = Target()
    options: Options = Options()

    def to_json(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "data": self.data,
            "target": self.target.to_json(),
            "options": self.options.to_json(),
        }


def parse(body: Mapping[str, Any]) -> Spec:
    """From the contract's JSON. Collects every error of the envelope; a kind checks its own data."""
    errors: list[dict[str, str]] = []
    known = {"type", "data", "target", "options"}
    for name in body:
        if name not in known:
            errors.append({"field": name, "message": unknown(name, known)})
    data, target, options = body.get("data", {}), Target(), Options()
    if not isinstance(data, Mapping):
        errors.append({"field": "data", "message": _("Enter an object")})
        data = {}
    try:
        target = parse_target(body.get("target"))
    except SpecError as e:
        errors += e.errors
    try:
        options = parse_options(_with_data_options(body.get("options"), data))
    except SpecError as e:
        errors += e.errors
    kind = body.get("type") or "plugin"
    if not isinstance(kind, str):
        errors.append({"field": "type", "message": _("Enter the name of a task type")})
    if errors:
        raise SpecError(errors)
    return Spec(str(kind), {k: v for k, v in data.items() if k not in SHARED}, target, options)


# These three are options; the contract accepts them in `data` too.
SHARED = ("run_as", "env", "cwd")


def _with_data_options(options: Any, data: Mapping[str, Any]) -> Any:
    if options is not None and not isinstance(options, Mapping):
        return options
    return {k: data[k] for k in SHARED if k in data} | dict(options or {})


def unknown(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), 1)
    return states.unknown(_('Unknown field "%(name)s".', name=name), near)


def parse_target(value: Any) -> Target:
    if value is None or value == {}:
        return Target()
    if not isinstance(value, Mapping):
        raise error("target", _('Enter an object, like {"agents": "all"}'))
    value = dict(value)
    if "owner" in value:
        return _owner(value)
    allowed = {"agents", "tags", "match", "user", "objects", "object_set", "files", "include_offline", "owner"}
    extra = [name for name in value if name not in allowed]
    if extra:
        raise SpecError([{"field": f"target.{name}", "message": unknown(name, allowed)} for name in extra])
    chosen = [k for k in (AGENTS, TAGS, USER, OBJECTS, OBJECT_SET, FILES) if k in value]
    if len(chosen) != 1:
        raise error("target", _("Choose one of agents, tags, user, objects, object_set or files"))
    kind = chosen[0]
    if kind == AGENTS and isinstance(value[AGENTS], str) and value[AGENTS].lower() in (ALL, ANYONE):
        return Target(value[AGENTS].lower(), include_offline=bool(value.get("include_offline")))
    return Target(kind, _names(kind, value[kind]), _match(value.get("match", "any")))


def _owner(value: dict[str, Any]) -> Target:
    owner = value["owner"]
    if not isinstance(owner, str) or not owner:
        raise error("target.owner", _("Enter ALL, Anyone or an agent"))
    return Target(owner.lower()) if owner.lower() in (ALL, ANYONE) else Target(AGENTS, (owner,))


def _names(kind: str, value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(n, (str, int)) and not isinstance(n, bool) and str(n).strip() for n in names):
        raise error(
            f"target.{kind}",
            _('Select at least one agent, or choose "Anyone"')
            if kind == AGENTS
            else _("Enter at least one of %(kind)s", kind=kind),
        )
    return tuple(dict.fromkeys(str(n).strip() for n in names))


def _match(value: Any) -> str:
    if value not in ("any", "all"):
        raise error("target.match", _("Choose any or all"))
    return str(value)


RANGES = {
    "priority": (0, 10),
    "execution_timeout": (1, 604_800),
    "max_retries": (0, 10),
    "retry_delay": (1, 86_400),
    "expires_in": (1, 31_536_000),
    "max_output": (1_024, 10 * 2**30),
}
LONGEST_LIMIT = 64
DURATIONS = ("execution_timeout", "retry_delay", "expires_in")


def parse_options(value: Any) -> Options:
    if value is None:
        return Options()
    if not isinstance(value, Mapping):
        raise error("options", _("Enter an object"))
    options, errors = Options(), []
    for name, given in value.items():
        if name not in Options.__dataclass_fields__:
            errors.append({"field": f"options.{name}", "message": unknown(name, Options.__dataclass_fields__)})
            continue
        if given is None:
            continue
        try:
            options = replace(options, **{name: _option(name, given)})
        except ValueError as e:
            errors.append({"field": f"options.{name}", "message": str(e)})
    if errors:
        raise SpecError(errors)
    return options


def _option(name: str, value: Any) -> Any:
    if name in RANGES:
        return _number(name, value)
    if name == "not_before":
        return _moment(value)
    if name == "success_exit_codes":
        return tuple(_codes(value))
    if name in ("retry_on", "tags"):
        return tuple(_words(name, value))
    if name == "env":
        return _env(value)
    if name == "window":
        return _window(value)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(_("Enter text"))
    if name == "limit" and len(value.strip()) > LONGEST_LIMIT:
        raise ValueError(_("Use at most %(longest_limit)s characters", longest_limit=LONGEST_LIMIT))
    return value.strip()


def _number(name: str, value: Any) -> int:
    low, high = RANGES[name]
    if name in DURATIONS and isinstance(value, str):
        value = seconds(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(_("Enter a whole number"))
    if not low <= value <= high:
        raise ValueError(_("Enter a number from %(low)s to %(high)s", low=low, high=high))
    return value


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(_("Enter a time like 2026-12-01T09:00:00Z")) from None
    if moment.tzinfo is None:
        raise ValueError(_("Name the zone of the time, like 2026-12-01T09:00:00Z"))
    if not 2000 <= moment.year <= 9000:  # leaves room for lengths that are added to it
        raise ValueError(_("Enter a time after the year 2000"))
    return moment


def _codes(value: Any) -> list[int]:
    if not isinstance(value, list | tuple) or not value or not all(type(c) is int and 0 <= c <= 255 for c in value):
        raise ValueError(_("Enter exit codes from 0 to 255"))
    return sorted(set(value))


def _words(name: str, value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) and word.strip() for word in value):
        raise ValueError(_("Enter a list of words"))
    if name == "retry_on":
        strange = [word for word in value if word not in set(Reason)]
        if strange:
            raise ValueError(unknown(strange[0], set(Reason)).replace("field", "reason"))
    return list(dict.fromkeys(word.strip() for word in value))


def _env(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise ValueError(_("Enter names and values as text"))
    for name, text in value.items():
        if not name or "=" in name or "\0" in name + text:
            raise ValueError(_('"%(name)s" cannot be the name of a variable', name=name))
    return dict(value)


def _window(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or set(value) != {"start", "end"}:
        raise ValueError(_("Enter start and end"))
    start, end = _moment(value["start"]), _moment(value["end"])
    if end <= start:
        raise ValueError(_("The end of the window must be later than %(value)s", value=value["start"]))
    return {"start": start.isoformat(), "end": end.isoformat()}
