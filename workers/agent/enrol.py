"""Become an agent of a server: one request, answered with a credential and the keys to trust."""

import os
import socket
from typing import Optional

from . import host, policy, protocol
from .client import Client, require_safe
from .protocol import EnrolReply, EnrolRequest
from .state import Identity, WorkDir
from .trust import Trust
from .verify import this_host


def enrol(
    work: WorkDir, server: str, token: str, tags: list[str], ca_file: Optional[str], insecure_loopback: bool
) -> Identity:
    """May be repeated when the answer was lost: the server knows the host by its install id."""
    require_safe(server, insecure_loopback)
    work.prepare()
    if ca_file:
        ca_file = os.path.abspath(ca_file)
    reply = EnrolReply.from_json(Client(server, "", ca_file, insecure_loopback).call(
        "POST", protocol.ENROL, _request(work, token, tags)).body)  # fmt: skip
    work.save_trust(Trust.pin(reply.root))
    identity = Identity(server, reply.agent_id, reply.credential, reply.organization, ca_file, insecure_loopback)
    work.save_identity(identity)
    return identity


def unenrol(work: WorkDir) -> None:
    identity = work.load_identity()
    client = Client(identity.server, identity.credential, identity.ca_file, identity.insecure_loopback)
    client.call("POST", protocol.UNENROL)
    os.unlink(work.path("agent.json"))


def _request(work: WorkDir, token: str, tags: list[str]) -> EnrolRequest:
    system, arch = this_host()
    return EnrolRequest(
        token=token, install_id=work.install_id(), hostname=socket.gethostname(), os=system, arch=arch,
        agent_version=protocol.VERSION, protocol=list(protocol.SUPPORTED), user=policy.own_user(), tags=tags,
        capabilities=policy.load(work.path("policy.json")).capabilities(), facts=host.facts(),
    )  # fmt: skip
