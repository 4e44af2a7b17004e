"""`muster logs`: what a task printed."""

from __future__ import annotations

import shutil
import sys

import click

from webapp.commands.client import follow
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Server, path_of


@click.command()
@click.argument("task_id")
@click.option("--follow", "-f", "live", is_flag=True, help="Go on until it has ended; the exit code tells how.")
@click.option("--stream", type=click.Choice(["both", "stdout", "stderr"]), default="both", help="Which of the two.")
@talks
def logs(server: Server, task_id: str, live: bool, stream: str) -> None:
    """Print what a task printed."""
    if not live:
        answer = server.send("GET", path_of(("tasks", task_id, "output"), {"stream": stream}))
        shutil.copyfileobj(answer, sys.stdout.buffer)
        sys.stdout.flush()
        return
    try:
        ended = follow.output(server, task_id, stream)
    except KeyboardInterrupt:
        follow.detach(task_id)
    sys.exit(follow.exit_code({ended["status"]: 1}))
