"""`muster open`: from the terminal to the page."""

from __future__ import annotations

import webbrowser

import click

from webapp.commands.client.profile import talks
from webapp.commands.client.server import Server


@click.command()
@click.argument("task_id", required=False)
@talks
def open(server: Server, task_id: str | None) -> None:
    """Open a task's page in the browser, or the list of tasks."""
    url = f"{server.url}/tasks"
    if task_id:
        url += f"/{server.get('tasks', task_id, '')['id']}"
    click.echo(url)
    webbrowser.open(url)
