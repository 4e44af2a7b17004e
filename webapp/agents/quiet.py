"""Beats and claims of idle agents, answered with one trip to the broker. Whatever is not plainly "nothing new" goes the
long way, through the database.

An idle claim is known to find nothing by a mark: the database was looked into for this agent a while ago, and nothing was
queued for it since. The mark is made before the look and goes with the commit that queues something, so that it never
hides what the look has missed. Should the broker be away at that moment, the caretaker says it again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import redis

from webapp import queue
from webapp.agents import beats, facts
from webapp.db import db
from webapp.security import Limit

CLAIMS = Limit("claim", times=600, seconds=60)
MARKED_FOR = 300.0
ANSWERED_SECONDS = 60
ANYONES = "muster:claim:anyone:"  # and an organisation: raised with each task that any of its agents may take


# Every script begins so. KEYS 1: the facts, 2: their count; ARGV 1: the lines that must follow it.
KNOWN = """
local facts = redis.call('GET', KEYS[1])
if not facts then return false end
local wanted = (redis.call('GET', KEYS[2]) or '0') .. '\\n' .. ARGV[1] .. '\\n'
if string.sub(facts, 1, #wanted) ~= wanted then return false end
local said = string.match(facts, '[^\\n]*$')
"""


class Script:
    """Sent once; afterwards the broker knows it by its hash."""

    def __init__(self, text: str) -> None:
        self.text = KNOWN + text
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, keys: list[str], words: list[Any]) -> bytes | None:
        def ask(r: redis.Redis) -> Any:
            try:
                return r.evalsha(self.sha, len(keys), *keys, *words)
            except redis.exceptions.NoScriptError:
                return r.eval(self.text, len(keys), *keys, *words)

        found: bytes | None = queue.ask(ask, None)
        return found


BEAT = Script("""
if redis.call('EXISTS', KEYS[5]) == 0 then return false end
local last = redis.call('GET', KEYS[3])
if not last then return false end
last = cjson.decode(last)
if last.instance_id ~= ARGV[2] or tonumber(ARGV[3]) <= last.seq then return false end
redis.call('SET', KEYS[3], ARGV[4], 'EX', ARGV[5])
redis.call('HSET', KEYS[4], ARGV[6], ARGV[7])
return said
""")
CLAIM = Script("""
if redis.call('GET', KEYS[3]) == ARGV[2] then return false end
local known = cjson.decode(said)
if known.state ~= 'paused' then
  local home = ARGV[3] .. string.format('%d', known.organization_id)
  local anyones, mark = redis.call('GET', home) or '0', redis.call('GET', KEYS[4])
  if known.state ~= 'active' or not mark then return false end
  if mark ~= anyones and redis.call('GET', home .. ':none') ~= anyones then return false end
end
local times = redis.call('INCR', KEYS[5])
if times == 1 then
  redis.call('EXPIRE', KEYS[5], ARGV[5])
  redis.call('SET', KEYS[5] .. ':end', ARGV[6], 'EX', ARGV[5])
end
if times > tonumber(ARGV[4]) then return false end
return said
""")


class Known(NamedTuple):
    organization_id: int
    state: str


def beat(agent_id: int, credential: str, said: beats.Said) -> Known | None:
    """Remembers it and answers, if it is the next beat of the one that is known, with nothing new about either side."""
    keys = [facts.key(agent_id), facts.count_key(agent_id), beats.key(agent_id), beats.WAITING, beats.CARRIED]
    words = [f"{credential}\n{said.description}", said.instance_id, said.seq, said.mine, beats.KEPT_SECONDS]
    return _read(BEAT.run(keys, [*words, agent_id, said.noted]))


def claim(agent_id: int, credential: str, claim_id: str) -> Known | None:
    """Answers if there is nothing to claim, and it is not asked too often."""
    limit, end = (CLAIMS.times, CLAIMS.seconds), time.time() + CLAIMS.seconds
    keys = [facts.key(agent_id), facts.count_key(agent_id), _answered(agent_id), _mark(agent_id)]
    return _read(CLAIM.run([*keys, CLAIMS.key(str(agent_id))], [credential, claim_id, ANYONES, *limit, end]))


def looked(agent_id: int, organization_id: int, look: Callable[[], tuple[bool, bool]]) -> bool:
    """Whether `look` finds something in the database: of its own, or of anyone's. What it did not find is remembered; of
    anyone's for all agents, since a task that one of them has taken would send all the others looking."""
    home = f"{ANYONES}{organization_id}"
    count = queue.get(home) or b"0"
    queue.put(_mark(agent_id), count, MARKED_FOR)
    found = True
    try:
        own, anyones = look()
        if not anyones:
            queue.put(f"{home}:none", count, MARKED_FOR)
        found = own or anyones
        return found
    finally:
        if found:
            queue.delete(_mark(agent_id))


def answering(agent_id: int, claim_id: str) -> None:
    """Before the commit of what this claim takes: should the answer be lost, the same claim gets it again."""
    queue.put(_answered(agent_id), claim_id, ANSWERED_SECONDS)


def queued_after_commit(organization_id: int, agent_ids: Iterable[int]) -> None:
    """There is something for these agents, or for any of the organisation where none is named."""
    queue.after_commit(db.session, partial(queued, organization_id, list(agent_ids)))


def queued(organization_id: int, agent_ids: Iterable[int]) -> None:
    if marks := [_mark(agent_id) for agent_id in agent_ids]:
        queue.delete(*marks)
    else:
        queue.incr(f"{ANYONES}{organization_id}")


def _read(told: bytes | None) -> Known | None:
    return Known(**json.loads(told)) if told else None


def _mark(agent_id: int) -> str:
    return f"muster:claim:{agent_id}:none"


def _answered(agent_id: int) -> str:
    return f"muster:claim:{agent_id}:answered"
