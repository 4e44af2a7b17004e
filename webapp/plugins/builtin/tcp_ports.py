"""Which TCP ports of a host are open: connects to each, and reads what the service says first."""

from __future__ import annotations

import errno
import socket
from typing import Any

from webapp.objects import values
from webapp.plugins.contract import Context, Manifest, Parameter, overriding

COMMON = (
    "21-23,25,53,80,110,111,135,139,143,389,443,445,465,587,636,993,995,1433,1521,2049,2375,3000,3306,3389,"
    "5000,5432,5900,5985,6379,8000,8080,8443,9000,9090,9200,9300,11211,27017"
)
# One port or range, then more of them.
PATTERN = r"\s*\d+(\s*-\s*\d+)?(\s*,\s*\d+(\s*-\s*\d+)?)*\s*"
BANNER_BYTES = 256

SETTINGS = (
    Parameter("timeout", "number", 2, help="Seconds to wait for one connection.", minimum=0.05, maximum=60),
    Parameter("concurrency", "integer", 100, help="Connections at a time.", minimum=1, maximum=1000),
)

PLUGIN = Manifest(
    id="tcp_ports",
    name="TCP ports",
    description="Open TCP ports of a host and the banners of their services.",
    consumes=("hostname", "ipaddress"),
    produces=("ipport", "ipaddress", "file:ports"),
    runs_on=("worker", "agent"),
    parameters=(
        Parameter(
            "ports", default=COMMON, help="Ports and ranges, with commas.", pattern=PATTERN, example="22,80,8000-8010"
        ),
        Parameter("banner_seconds", "number", 0.5, help="Seconds to wait for a greeting.", minimum=0, maximum=30),
        *overriding(SETTINGS),
    ),
    settings=SETTINGS,
)


def run(context: Context) -> dict[str, object]:
    import asyncio  # late, as every module that reading a manifest does not need

    ports = _ports(context)
    found: list[dict[str, Any]] = []
    for address in _addresses(context):
        context.emit("ipaddress", address=address)
        found += asyncio.run(_scan(context, address, ports))
    for port in found:
        context.emit("ipport", **port)
        print(values.join_host_port(port["address"], port["port"]), "open", port["service"], port.get("banner", ""))
    print(f"{len(found)} open of {len(ports)} ports")
    context.save("ports.json", {"input": context.input, "scanned": len(ports), "open": found}, "ports")
    return {"open": [port["port"] for port in found], "scanned": len(ports)}


def _ports(context: Context) -> list[int]:
    ports: set[int] = set()
    for part in context.parameters["ports"].split(","):
        first, _, last = part.partition("-")
        try:
            low, high = values.port(first.strip()), values.port((last or first).strip())
        except ValueError as error:
            context.fail(f"ports: {error}, not {part.strip()}", "invalid_input")
        if low > high:
            context.fail(f"ports: {part.strip()} ends before it begins", "invalid_input")
        ports.update(range(low, high + 1))
    return sorted(ports)


def _addresses(context: Context) -> list[str]:
    if values.is_address(context.input):
        return [context.input]
    try:
        found = socket.getaddrinfo(context.input, None, type=socket.SOCK_STREAM)
    except OSError as error:
        context.fail(f"{context.input} has no address: {error.strerror or error}", "network_error")
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


async def _scan(context: Context, address: str, ports: list[int]) -> list[dict[str, Any]]:
    import asyncio

    left = iter(ports)
    found: list[dict[str, Any]] = []
    done = 0

    async def connect_to_the_rest() -> None:
        nonlocal done
        for port in left:
            opened = await _connect(context, address, port)
            done += 1
            context.progress(done / len(ports), f"Ports of {address}")
            found.extend([opened] if opened else [])

    # A few walkers over one iterator, so that 65,535 ports are not 65,535 tasks at once.
    await asyncio.gather(*(connect_to_the_rest() for _ in range(min(context.option("concurrency"), len(ports)))))
    return sorted(found, key=lambda port: port["port"])


async def _connect(context: Context, address: str, port: int) -> dict[str, Any] | None:
    import asyncio

    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port), context.option("timeout"))
    except asyncio.TimeoutError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL):
            raise  # this host's fault: the port could be open
        return None
    opened: dict[str, Any] = {"address": address, "port": port, "service": _service(port)}
    try:
        said = await asyncio.wait_for(reader.read(BANNER_BYTES), context.parameters["banner_seconds"])
        opened["banner"] = said.decode("utf-8", "backslashreplace").replace("\0", "\\x00").strip()
    except (OSError, asyncio.TimeoutError):
        pass  # most services wait for the client to speak first
    writer.close()
    return opened


def _service(port: int) -> str:
    try:
        return socket.getservbyport(port, "tcp")
    except OSError:
        return ""
