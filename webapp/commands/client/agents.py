"""`muster agents …`: which hosts there are, and what is done with them; `muster enrolment-token …`: who comes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from webapp.commands.client import printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server
from webapp.commands.exits import FAILED, NOT_FOUND, USAGE, Exit

HEADS = ("HOST", "PRESENCE", "STATE", "PLATFORM", "VERSION", "RUNS", "SEEN", "TAGS")
PLAIN = ("id", "hostname", "presence", "state", "os", "arch", "version", "running", "capacity", "last_seen_at", "tags")
SHOWN = (
    "id", "hostname", "state", "state_reason", "presence", "last_seen_at", "organization", "os", "arch", "version", "user",
    "address", "instance", "note", "tags", "capabilities", "running", "capacity", "spooled", "rejected", "free_disk", "load",
    "clock_skew_ms", "enrolled_at", "key_since",
)  # fmt: skip


@click.group(invoke_without_command=True)
@click.option("-q", "query", help="A part of hostname, tag, platform, version, user, note or address.")
@click.option("--tag", "-t", multiple=True, help="Any of these tags.")
@click.option("--presence", "-p", multiple=True, help="online, stale, offline or never.")
@click.option("--state", "-s", multiple=True, help="active, paused, disabled, quarantined, revoked …")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@click.option("--limit", "-n", type=click.IntRange(1), help="How many at most.")
@talks
def agents(
    server: Server, query: str | None, tag: Sequence[str], presence: Sequence[str], state: Sequence[str],
    form: str | None, as_json: bool, limit: int | None,
) -> None:  # fmt: skip
    """List agents; show, approve, tag, disable, enable, update, uninstall, decommission one; change its key."""
    if click.get_current_context().invoked_subcommand:
        return
    form = "json" if as_json else printing.chosen(form)
    chosen = {"tag": list(tag) or None, "presence": list(presence) or None, "state": list(state) or None}
    found = server.pieces("agents", "", limit=limit, q=query, **chosen)
    if form.startswith("json"):
        printing.values(form, found)
    elif form == "table":
        printing.rows(form, HEADS, map(_row, found))
    else:
        printing.rows(form, PLAIN, ([_text(agent[name]) for name in PLAIN] for agent in found))


@agents.command()
@click.argument("agent")
@click.option("--json", "as_json", is_flag=True, help="As the server answers.")
@talks
def show(server: Server, agent: str, as_json: bool) -> None:
    """Show an AGENT, named by its hostname or id."""
    told = _found(server, agent)
    if as_json:
        printing.values("json", [told])
        return
    for name, value in ({name: told[name] for name in SHOWN} | told["facts"]).items():
        click.echo(f"{name.replace('_', ' '):<14}  {_text(value) or '–'}")


@agents.command()
@click.argument("agents", nargs=-1, required=True)
@click.option("--add", "-a", multiple=True, help="This tag comes on.")
@click.option("--remove", "-r", multiple=True, help="This tag comes off.")
@talks
def tag(server: Server, agents: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> None:
    """Put tags on AGENTS and take tags off, named by hostname or id."""
    if not add and not remove:
        raise Exit(USAGE, "Say --add or --remove")
    ids = [_found(server, agent)["id"] for agent in agents]
    order = {"do": "tag", "add": list(add), "remove": list(remove), "ids": ids}
    answer = server.post("agents", "bulk", body=order)
    click.echo(f"{answer['done']} of {len(ids)} changed")
    if answer["refused"]:
        raise Exit(FAILED, "\n".join(each["reason"] for each in answer["refused"]))


@agents.command()
@click.argument("agent")
@talks
def approve(server: Server, agent: str) -> None:
    """Approve an AGENT that waits for it: from its next heartbeat on it gets work."""
    _act(server, agent, "approve")


@agents.command()
@click.argument("agent")
@click.option("--reason", "-r", default="", help="Why, for those who wonder.")
@talks
def refuse(server: Server, agent: str, reason: str) -> None:
    """Refuse an AGENT that waits for approval: it leaves every list, and its key opens nothing."""
    _act(server, agent, "refuse", {"reason": reason})


@agents.command()
@click.argument("agent")
@click.option("--reason", "-r", default="", help="Why, for those who wonder.")
@talks
def pause(server: Server, agent: str, reason: str) -> None:
    """Pause an AGENT: it finishes what it runs, and its tasks wait."""
    _act(server, agent, "pause", {"reason": reason})


@agents.command()
@click.argument("agent")
@click.option("--reason", "-r", default="", help="Why, for those who wonder.")
@talks
def disable(server: Server, agent: str, reason: str) -> None:
    """Disable an AGENT: it takes nothing more, and neither ALL nor tags mean it."""
    _act(server, agent, "disable", {"reason": reason})


@agents.command()
@click.argument("agent")
@talks
def enable(server: Server, agent: str) -> None:
    """Enable an AGENT that was paused, disabled or quarantined."""
    _act(server, agent, "enable")


@agents.command()
@click.argument("agent")
@talks
def rotate(server: Server, agent: str) -> None:
    """Have an AGENT change its key at its next heartbeat."""
    told = server.post("agents", _found(server, agent)["id"], "rotate-key")
    click.echo(f"{told['hostname']} is asked to change its key")


@agents.command()
@click.argument("agent")
@talks
def update(server: Server, agent: str) -> None:
    """Have an AGENT replace its program by the one that the server publishes."""
    told = server.post("agents", _found(server, agent)["id"], "update")
    click.echo(f"{told['hostname']} is asked to become version {told['update_to']}")


@agents.command()
@click.argument("agent")
@click.option("--reason", "-r", default="", help="Why, for those who wonder.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def decommission(server: Server, agent: str, reason: str, yes: bool) -> None:
    """Take an AGENT out of every list. Its key opens nothing from now on; its history stays."""
    _end(server, agent, "decommission", reason, yes)


@agents.command()
@click.argument("agent")
@click.option("--reason", "-r", default="", help="Why, for those who wonder.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def revoke(server: Server, agent: str, reason: str, yes: bool) -> None:
    """Revoke the key of an AGENT. What it runs is lost; its host has to be enrolled anew."""
    _end(server, agent, "revoke", reason, yes)


@agents.command()
@click.argument("agents", nargs=-1, required=True)
@click.option("--cleanup", is_flag=True, help="With its program and files.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def uninstall(server: Server, agents: Sequence[str], cleanup: bool, yes: bool) -> None:
    """Take AGENTS off their hosts. Each reports first, then ends its service; coming back takes a new enrolment."""
    named = [_found(server, agent) for agent in agents]
    if not yes:
        click.confirm(f"Uninstall {', '.join(agent['hostname'] for agent in named)}?", abort=True)
    by_home: dict[str, list[str]] = {}
    for agent in named:
        by_home.setdefault(agent["organization"], []).append(agent["id"])
    for organization, ids in by_home.items():
        order = {"type": "uninstall", "data": {"cleanup": cleanup}, "target": {"agents": ids}}
        click.echo("\n".join(server.post("batches", "", body=order | {"organization": organization})["task_ids"]))


def _act(server: Server, agent: str, verb: str, body: Json | None = None) -> None:
    told = server.post("agents", _found(server, agent)["id"], verb, body=body)
    click.echo(f"{told['hostname']} is {told['state']}")


def _end(server: Server, agent: str, verb: str, reason: str, yes: bool) -> None:
    told = _found(server, agent)
    if not yes:
        click.confirm(f"{verb.capitalize()} {told['hostname']}? This cannot be undone", abort=True)
    told = server.post("agents", told["id"], verb, body={"reason": reason})
    click.echo(f"{told['hostname']} is {told['state']}")


def _found(server: Server, said: str) -> Json:
    """By id or whole hostname: what is acted on should be what was meant."""
    named = [row for row in server.pieces("agents", "", limit=None, q=said) if said.lower() in _names(row)]
    if len(named) != 1:
        many = f"{len(named)} agents are" if named else "No agent is"
        raise Exit(USAGE if named else NOT_FOUND, f'{many} called "{said}". `muster agents -o tsv` lists them with ids')
    return named[0]


def _names(row: Json) -> tuple[str, str]:
    return row["id"], row["hostname"].lower()


def _row(agent: Json) -> tuple[str, ...]:
    platform = f"{agent['os']}/{agent['arch']}"
    runs, seen = f"{agent['running']} of {agent['capacity']}", printing.ago(agent["last_seen_at"]) or "never"
    tags = " ".join(agent["tags"])
    return agent["hostname"], agent["presence"], agent["state"], platform, agent["version"], runs, seen, tags


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)
