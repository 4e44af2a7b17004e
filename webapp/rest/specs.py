"""What is sent to make tasks, as the documents tell it. It is read by webapp/tasks/spec.py, like every other spec."""

from __future__ import annotations

from webapp.access.permissions import Permission
from webapp.rest.values import Flag, Many, Moment, Named, OneOf, Shape, Text, Value, Whole
from webapp.tasks import kinds
from webapp.tasks.spec import RANGES, Options

SECONDS = "Seconds, or a text like 90s, 15m, 1h."

TARGET = Shape(name="Target", about="Where it runs; one of the first seven. Without one: on a worker of the server.", fields={
    "agents": OneOf(of=(Many(of=Text(), least=1), Text()), about="Ids or hostnames; `all`: each online agent when it is due; `anyone`: the first capable agent that asks."),
    "tags": Many(of=Text(), about="Each agent with these tags when it is due."),
    "user": Text(about="Each agent of this user."),
    "objects": Many(of=Text(), about="Natural keys, which become the plugin's inputs.", example=["internet|example.com"]),
    "object_set": Whole(about="Each member is an input."),
    "files": Many(of=Text(format="uuid"), about="Files, which become the plugin's inputs."),
    "owner": Text(about="ALL, Anyone or an agent: the client/server runner's word for `agents`."),
    "match": Text(choices=("any", "all"), default="any", about="Of the tags."),
    "include_offline": Flag(about="ALL and tags take offline agents too."),
})  # fmt: skip

_OPTIONS: dict[str, Value] = {
    "priority": Whole(about="Higher ones are claimed first."),
    "execution_timeout": Whole(about=f"After this the whole process tree is ended. {SECONDS}"),
    "max_retries": Whole(about="Automatic retries; without it the type's own default."),
    "retry_on": Many(of=Text(), about="Failure reasons that are retried; without it those that trying again can help."),
    "retry_delay": Whole(about=f"Before the first retry; doubled for each further one. {SECONDS}"),
    "expires_in": Whole(about=f"Expires when nobody has taken it by then. {SECONDS}"),
    "not_before": Moment(about="Starts no earlier."),
    "window": Shape(
        fields={"start": Moment(required=True), "end": Moment(required=True)}, about="Starts within it, or expires."
    ),
    "success_exit_codes": Many(of=Whole(high=255), about="Codes that count as success."),
    "max_output": Whole(about="Bytes that are kept of each stream."),
    "limit": Text(about="Name of a concurrency limit."),
    "run_as": Text(about="User on the host; its agent must allow it."),
    "env": Named(of=Text(), about="Environment variables."),
    "cwd": Text(about="Working directory on the host."),
    "tags": Many(of=Text(), about="Words to find it by."),
}
OPTIONS = Shape(name="Options", fields={
    name: type(value)(**{**vars(value), "default": getattr(Options(), name, None), **dict(zip(("low", "high"), RANGES.get(name, ()), strict=False))})
    for name, value in _OPTIONS.items()
})  # fmt: skip

DATA = Named(
    required=True,
    about="By type. plugin: plugin_id, input_data (a list of n makes n tasks), action, args, kwargs. execute_command: "
    "command (a line for sh -c) or argv; env, cwd and run_as are taken here too.",
    example={"plugin_id": "dns_records", "input_data": "example.com"},
)
ALSO = ", ".join(
    f"{kinds.needed(name)} for {name}" for name in kinds.KINDS if kinds.needed(name) != Permission.TASKS_CREATE
)
NEW_TASK = Shape(name="NewTask", fields={
    "type": Text(choices=tuple(kinds.KINDS), default="plugin"),
    "data": DATA,
    "target": TARGET,
    "options": OPTIONS,
    "organization": Text(about="Short name or id. Default: the token's own."),
})  # fmt: skip
