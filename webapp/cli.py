"""The `muster` command: which verb is in which module of `webapp/commands`, and what every verb shares."""

import importlib
import keyword
import sys
from typing import Any

import click

from webapp.commands import exits
from webapp.config import VERSION, ConfigError

# verb: module. A module is imported when one of its verbs is called, so that each starts as fast as it can.
SECTIONS: dict[str, dict[str, str]] = {
    "Run the server": {
        "up": "processes",
        "web": "processes",
        "worker": "processes",
        "scheduler": "processes",
        "caretaker": "processes",
        "courier": "processes",
        "wake": "processes",
        "loops": "processes",
    },
    "Use a server": {
        "run": "client.run",
        "run-task": "client.run",
        "tasks": "client.tasks",
        "logs": "client.logs",
        "cancel": "client.acts",
        "retry": "client.acts",
        "reschedule": "client.acts",
        "delete": "client.acts",
        "why": "client.tasks",
        "notes": "client.tasks",
        "files": "client.files",
        "plugins": "client.plugins",
        "schedules": "client.schedules",
        "calendars": "client.calendars",
        "object-sets": "client.object_sets",
        "agents": "client.agents",
        "enrolment-token": "client.enrolment",
        "tests": "client.tests",
        "open": "client.pages",
        "login": "client.login",
    },
    "Run an agent": {
        "agent": "agent",
    },
    "Let people in": {
        "user": "people",
        "token": "people",
        "organization": "people",
    },
    "Look after it": {
        "migrate": "database",
        "config": "about",
        "doctor": "doctor",
        "signing-key": "signing",
        "completion": "about",
        "version": "about",
    },
}
HIDDEN = {"local-agent": "processes"}
VERBS = {verb: module for section in [*SECTIONS.values(), HIDDEN] for verb, module in section.items()}


class Muster(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = getattr(importlib.import_module(f"webapp.commands.{VERBS[name]}"), _function(name))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(verb, self._about(ctx, verb)) for verb in verbs])

    def _about(self, ctx: click.Context, verb: str) -> str:
        command = self.get_command(ctx, verb)
        return command.get_short_help_str(70) if command else ""


@click.version_option(VERSION, message="muster %(version)s")
@click.command(cls=Muster, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def muster() -> None:
    """Run tasks on fleets of machines and against assets, live, safely, from one page.

    \b
    muster up                          start everything here and open the page it prints
    muster run --all -- uptime         run a command on every host that is online
    muster tasks -s failed             see what failed
    muster doctor                      find out what is wrong, and what to do about it
    muster VERB --help                 more about a verb
    """


def main(arguments: list[str] | None = None) -> Any:
    try:
        return muster.main(arguments, prog_name="muster")
    except ConfigError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(exits.USAGE)


def _function(verb: str) -> str:
    """The verbs `run-task` and `import` are the functions `run_task` and `import_`."""
    name = verb.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


if __name__ == "__main__":
    main()
