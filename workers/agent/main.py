"""The command line: `python3 muster-agent.pyz enrol | run | status | queue | …`."""

import argparse
import getpass
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Callable, Optional

from . import code, exits

if TYPE_CHECKING:
    from .state import WorkDir

DEFAULT_DIR = "/var/lib/muster-agent"


def main(arguments: Optional[list[str]] = None) -> int:
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    if options.act is run and os.path.exists(os.path.join(options.work_dir, "agent.json")):
        code.load_from_disk(os.path.abspath(options.work_dir))
    from .client import Transient, Trouble
    from .signed import Refused

    try:
        return options.act(options)
    except Transient as trouble:
        return _told(trouble, exits.UNREACHABLE)
    except Trouble as trouble:
        return _told(trouble, exits.NOT_ALLOWED)
    except (Refused, OSError, ValueError) as error:
        return _told(error, exits.USAGE)


def enrol(options: argparse.Namespace) -> int:
    from .enrol import enrol as ask

    identity = ask(_work(options), options.server.rstrip("/"), _token(options), options.tag, options.ca_file,
                   options.insecure_loopback)  # fmt: skip
    print(f"Enrolled as {identity.agent_id} with {identity.server}")
    return exits.OK


def run(options: argparse.Namespace) -> int:
    from .loop import EXIT_RESTART, Agent
    from .policy import BadPolicy
    from .state import NotEnrolled

    work = _work(options)
    try:
        lock = _enrolled_lock(work)
        if lock is None:
            return _told(f"another agent runs in {work.root}", exits.LOCKED)
        agent = Agent(work, _say, options.capacity)
    except NotEnrolled as error:
        return _told(error, exits.NOT_ENROLLED)
    except BadPolicy as error:
        return _told(error, exits.USAGE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    ended = agent.run(options.grace, options.kill)
    if ended == EXIT_RESTART:
        os.execv(sys.executable, [sys.executable, "-I", str(code.packed_program()), *sys.argv[1:]])
    return ended


def status(options: argparse.Namespace) -> int:
    from .status import read_status

    known = read_status(_work(options))
    if options.json:
        print(json.dumps(known, indent=2))
    else:
        for name, value in known.items():
            print(f"{name.replace('_', ' '):>14}  {value}")
    return exits.OK if known["enrolled"] else exits.NOT_ENROLLED


def queue(options: argparse.Namespace) -> int:
    """The results that wait, oldest first."""
    from .spool import Spool

    for entry in Spool(_work(options)).entries():
        print(f"{entry.task_id}  {entry.call}  exit code {entry.body.get('exit_code', '-')}")
    return exits.OK


def install(options: argparse.Namespace) -> int:
    from . import service

    program, work_dir = code.packed_program(), os.path.abspath(options.work_dir)
    if program is None:
        return _told("install needs the .pyz", exits.USAGE)
    command = [sys.executable, "-I", program, "run", "--work-dir", work_dir]
    if options.print:
        print(service.text(command, work_dir), end="")
        return exits.OK
    try:
        service.install(command, work_dir, print)
    except service.NoService as error:
        return _told(error, exits.NO_SERVICE)
    return exits.OK


def unenrol(options: argparse.Namespace) -> int:
    from .enrol import unenrol as leave

    leave(_work(options))
    return exits.OK


def version(options: argparse.Namespace) -> int:
    from . import loop, protocol  # noqa: F401  all of it must load on this Python

    print(protocol.VERSION)
    return exits.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="muster-agent", description="Runs tasks of a Muster server on this host.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(act: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(act.__name__, help=text, description=text)
        made.set_defaults(act=act)
        if act is not version:
            made.add_argument("--work-dir", default=DEFAULT_DIR, metavar="D", help=f"default: {DEFAULT_DIR}")
        return made

    made = command(enrol, "Enrol this host with a server. The token comes from a file or from stdin.")
    made.add_argument("--server", required=True, metavar="URL")
    made.add_argument("--token-file", metavar="F", help="- or nothing: stdin")
    made.add_argument("--tag", action="append", default=[], metavar="T")
    made.add_argument("--ca-file", metavar="F", help="trust the certificates in this file only")
    made.add_argument("--insecure-loopback", action="store_true",
                      help="do not check the certificate of a server on this host")  # fmt: skip
    made = command(run, "Run until SIGTERM. Tasks outlive the agent and are found again at its next start.")
    made.add_argument("--capacity", type=int, metavar="N", help="tasks at a time")
    made.add_argument("--grace", type=float, default=30, metavar="S", help="how long to wait for tasks at the end")
    made.add_argument("--kill", action="store_true", help="stop the tasks at the end")
    made = command(status, "What the agent in this work dir is doing.")
    made.add_argument("--json", action="store_true")
    command(queue, "The results that wait for the server.")
    made = command(install, "Start the agent with this host.")
    made.add_argument("--print", action="store_true", help="print the systemd unit or launchd job only")
    command(unenrol, "Tell the server to forget this agent.")
    command(version, "Print the version.")
    return parser


def _work(options: argparse.Namespace) -> "WorkDir":
    from .state import WorkDir

    return WorkDir(options.work_dir)


def _enrolled_lock(work: "WorkDir") -> Optional[int]:
    work.load_identity()
    work.prepare()
    return work.lock()


def _token(options: argparse.Namespace) -> str:
    if options.token_file in (None, "-"):
        return (getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.read()).strip()
    with open(options.token_file, encoding="utf-8") as file:
        return file.read().strip()


def _say(text: str) -> None:
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text, file=sys.stderr, flush=True)


def _told(what: object, exit_code: int) -> int:
    print(f"muster-agent: {what}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
