"""`muster logs`: what a task printed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import click

from webapp import clock
from webapp.commands.client import follow
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server, path_of
from webapp.commands.client.what import Length


@click.command()
@click.argument("task_id")
@click.option("--follow", "-f", "live", is_flag=True, help="Go on until it has ended; the exit code tells how.")
@click.option("--stream", type=click.Choice(["both", "stdout", "stderr"]), default="both", help="Which of the two.")
@click.option("--since", type=Length(), help="Only what came within this time, like 5m.")
@click.option("--timestamps", type=click.Choice(["utc", "local"]), help="Before each line, when it came.")
@talks
def logs(server: Server, task_id: str, live: bool, stream: str, since: int | None, timestamps: str | None) -> None:
    """Print what a task printed."""
    if not (live or since or timestamps):
        answer = server.send("GET", path_of(("tasks", task_id, "output"), {"stream": stream}))
        shutil.copyfileobj(answer, sys.stdout.buffer)
        sys.stdout.flush()
        return
    how: Json = {"stream": stream}
    how |= {"since": clock.iso(clock.now() - timedelta(seconds=since))} if since else {}
    how |= {"timestamps": 1} if timestamps else {}
    how |= {} if live else {"stay": 0}
    try:
        ended = follow.output(server, task_id, _stamped(timestamps), **how)
    except KeyboardInterrupt:
        follow.detach(task_id)
    sys.exit(follow.exit_code({ended["status"]: 1}) if live else 0)


def _stamped(zone: str | None) -> Callable[[Json], None]:
    """Prints parts of output, each line after the moment when it began to come."""
    if zone is None:
        return follow.printed
    fresh = True

    def show(part: Json) -> None:
        nonlocal fresh
        for line in part["text"].splitlines(keepends=True):
            known = fresh and "at" in part  # not when the task was deleted meanwhile
            click.echo((_moment(part["at"], zone) if known else "") + line, nl=False)
            fresh = line.endswith("\n")
        sys.stdout.flush()

    return show


def _moment(text: str, zone: str) -> str:
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(UTC if zone == "utc" else None)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d} "
