"""What agents and the server say to each other, version 1.

The only module of the agent that the server imports. Every message is a dataclass; `message.py` makes JSON of it
and reads it back.

All bodies are JSON but log chunks and artifacts, which are raw bytes. Requests carry
`Authorization: Bearer agt_<id>_<secret>` (all but /enrol) and `X-Muster-Protocol`. A refusal is a
`Refusal` body with a 4xx status; a 4xx without one did not come from Muster (a proxy, a captive
portal) and agents treat it as an outage. Times of the agent's clock are shown, never decided on.
"""

from dataclasses import dataclass, field
from typing import Any, Optional, Union

from .message import BadMessage as BadMessage
from .message import Message as Message

VERSION = "0.1.0"
PROTOCOL = 1
SUPPORTED = (1,)

# --- paths -----------------------------------------------------------------------------------
BASE = "/agent/v1"
ENROL = BASE + "/enrol"
HEARTBEAT = BASE + "/heartbeat"
CLAIM = BASE + "/claim"
ROTATE = BASE + "/credential/rotate"
UNENROL = BASE + "/unenrol"


def task_path(task_id: str, verb: str) -> str:
    """verb: status, start, log, result, fail, cancelled, give_back, artifacts/<n> (n from 1)."""
    return f"{BASE}/tasks/{task_id}/{verb}"


def download_path(build_id: str) -> str:
    """Binaries, plugin bundles, updates. `Range: bytes=n-` is honoured with 206."""
    return f"{BASE}/downloads/{build_id}"


# --- headers ---------------------------------------------------------------------------------
PROTOCOL_HEADER = "X-Muster-Protocol"
INSTANCE_HEADER = "X-Muster-Instance"  # which process of the agent asks: the `instance_id` of its heartbeats
LEASE_SEQ_HEADER = "X-Lease-Seq"  # on log and artifact requests, whose bodies are raw
LEASE_TOKEN_HEADER = "X-Lease-Token"
CHUNK_CRC_HEADER = "X-Chunk-CRC32"  # zlib.crc32 of the body, 8 lower-case hex digits
LOG_SIZE_HEADER = "X-Log-Size"  # on every answer to a log request: the bytes the server holds
CANCEL_HEADER = "X-Task-Cancel"  # "1" on any answer about a task that somebody wants stopped
SHA256_HEADER = "X-SHA256"  # of an artifact, lower-case hex

# --- limits ----------------------------------------------------------------------------------
MAX_CHUNK = 256 * 1024  # bytes of one log request
MAX_BODY = 4 * 1024 * 1024  # bytes of one JSON body, either way
MAX_RESULT = 1024 * 1024  # bytes of `result` in JSON
MAX_TEXT = 64 * 1024  # characters of `error` and of `traceback`
MAX_ARTIFACT = 100 * 1024 * 1024
MAX_ARTIFACTS_TOTAL = 1024**3
MAX_ARTIFACTS = 1000
MAX_HELD = 100  # running and waiting results; at the limit nothing is claimed
LOG_QUOTA = 1024**3  # bytes of output kept per task when `max_output` is not given
LEASE_S = 60
CLAIM_REPEAT_S = 60  # the same claim_id answers the same leases for this long
KILL_GRACE_S = 10  # between TERM and KILL
DOWNLOAD_LIMIT_S = 300

SETTING = "setting."  # a secret of such a name is a plugin's setting, not an environment variable
PARAMETER = "parameter."  # and one of such a name is a parameter of its call
JOURNAL, JOURNAL_TYPE = "events.jsonl", "journal"  # artifact in which a plugin bundle tells of its objects and files
STREAMS = ("stdout", "stderr", "index")  # index: fixed records that tell when which bytes came

# --- exit codes of a task --------------------------------------------------------------------
NEVER_STARTED = -1
TIMED_OUT = 259
CANCELLED = 260
OUTCOME_UNKNOWN = 261  # the runner died, or the host was restarted

# --- task types, states, commands ------------------------------------------------------------
TYPES = ("execute_command", "execute_test", "plugin", "update_agent", "uninstall")
RUNNING_STATES = ("assigned", "downloading", "executing", "reporting")
COMMANDS = ("cancel", "rotate", "update", "pause", "resume", "root")
WAKE_CLAIM, WAKE_BEAT, WAKE_PING = "claim", "beat", "ping"  # the lines of the wake channel
WAKE_PING_S = 30


class Code:
    """Refusal codes, the `code` of a `Refusal`."""

    REVOKED = "revoked"  # 401: stop, keep the queue
    TOKEN_REFUSED = "token_refused"  # 401 on /enrol: unknown, spent, expired, wrong network
    DISABLED = "disabled"  # 403 on /claim: heartbeats go on, nothing is claimed
    NOT_FOUND = "not_found"  # 404: no such task for this agent
    DRAIN_FIRST = "drain_first"  # 409 on /claim: hand in the waiting results first
    SESSION_CONFLICT = "session_conflict"  # 409 on /heartbeat: this instance was superseded
    CANCELLED = "cancelled"  # 409 on /start
    FROZEN = "frozen"  # 409 on /start: give it back
    STALE = "stale"  # 409: the lease is void
    DIFFERENT = "different"  # 409: other bytes or another result are already stored
    INCOMPLETE = "incomplete"  # 412 on /result: see `missing`
    TOO_LARGE = "too_large"  # 413
    BAD_RANGE = "bad_range"  # 416 on /log: rewind to X-Log-Size
    BAD_MESSAGE = "bad_message"  # 422
    UNPROVEN = "unproven"  # 425: beat, and ask again; another process of this agent may hold the task
    UPGRADE = "upgrade"  # 426: this protocol version is no longer spoken
    SLOW_DOWN = "slow_down"  # 429, 503: see Retry-After


# --- enrolment -------------------------------------------------------------------------------
@dataclass
class EnrolRequest(Message):
    """POST ENROL. The same install_id and token within 10 minutes: a new credential for the same agent."""

    token: str
    install_id: str
    hostname: str
    os: str  # linux | darwin | windows
    arch: str  # amd64 | arm64 | …
    agent_version: str
    protocol: list[int]
    user: str  # the account that the agent runs as
    tags: list[str] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)  # task types, and "run_as"
    facts: dict[str, Any] = field(default_factory=dict)  # of the host, as host.facts finds them


@dataclass
class EnrolReply(Message):
    agent_id: str
    credential: str
    root: dict[str, Any]  # a bundle as trust.Trust.pin reads it, pinned from here on
    protocol: int
    heartbeat_s: float
    server_time: str
    organization: str = ""


@dataclass
class RotateReply(Message):
    """POST ROTATE {}: both credentials are good until the new one is used, at most 24 h."""

    credential: str


# --- heartbeat -------------------------------------------------------------------------------
@dataclass
class RunningTask(Message):
    task_id: str
    lease_seq: int
    token: str
    log_offset: dict[str, int]  # by stream: bytes the server has acknowledged
    elapsed_ms: int
    state: str


@dataclass
class AgentEvent(Message):
    kind: str  # started, restarted, update_failed, unknown_command, clock_skew, …
    text: str
    age_ms: int = 0  # how long ago, by the monotonic clock


@dataclass
class HeartbeatRequest(Message):
    """POST HEARTBEAT. Renews the leases of `running`. A new instance_id takes over at once (the agent was
    restarted); unless it `continues` the one before, it is heard only about tasks that it was given itself, for 30 s.
    One that was taken over from, and by `heard` lives on, is a second copy: 409 session_conflict."""

    instance_id: str
    seq: int  # grows with every attempt of this instance
    running: list[RunningTask]
    spool: int  # results that wait for delivery
    free_disk: int
    load: Optional[float]
    capacity: int
    version: str
    agent_time: str
    capabilities: list[str]
    events: list[AgentEvent] = field(default_factory=list)  # repeated until a beat got its 200
    rejected: int = 0  # results that the server would not have
    trust: dict[str, int] = field(default_factory=dict)  # versions held: {"root": n, "revoked": n}
    facts: dict[str, Any] = field(default_factory=dict)
    heard: str = ""  # server_time of the last answer that this instance got
    continues: list[str] = field(
        default_factory=list
    )  # instances before this one of which it is sure that they are gone


@dataclass
class Command(Message):
    """cancel{task_id} stops the process tree; rotate; pause, resume; root{root} brings a newer bundle, for
    trust.Trust.updated; update{manifest, download} replaces the program without a task. Unknown kinds are
    reported as an event and not obeyed."""

    kind: str
    task_id: Optional[str] = None
    root: Optional[dict[str, Any]] = None
    manifest: Optional[dict[str, Any]] = None
    download: Optional[str] = None


@dataclass
class Wake(Message):
    """GET <url>?ticket=<ticket> is held open and streams lines: claim, beat (heartbeat now), ping."""

    url: str
    ticket: str


@dataclass
class Settings(Message):
    capacity: Optional[int] = None  # lowers the agent's own limit, never raises it
    paused: Optional[bool] = None
    log_interval_ms: int = 200
    lease_s: float = LEASE_S


@dataclass
class HeartbeatReply(Message):
    """Answers get lost: commands are repeated until their effect is seen, which does no harm."""

    server_time: str
    commands: list[Command] = field(default_factory=list)
    drop: list[str] = field(default_factory=list)  # task ids whose lease is void: kill, report nothing
    interval_s: float = 15
    claim_interval_s: float = 2
    wake: Optional[Wake] = None
    settings: Settings = field(default_factory=Settings)


# --- claiming --------------------------------------------------------------------------------
@dataclass
class ClaimRequest(Message):
    """POST CLAIM → 200 ClaimReply | 204 nothing to do | 409 drain_first | 403 disabled | 426 | 429."""

    claim_id: str  # repeated when the answer was lost
    max: int
    spool: int
    wait_s: float = 0  # the server may answer sooner


@dataclass
class TaskOptions(Message):
    execution_timeout: float = 300
    max_output: Optional[int] = None  # bytes of stdout and stderr together
    success_exit_codes: list[int] = field(default_factory=lambda: [0])
    run_as: Optional[str] = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: Optional[str] = None


@dataclass
class ClaimedTask(Message):
    task_id: str
    lease_seq: int
    token: str
    type: str
    data: dict[str, Any]
    options: TaskOptions
    organization: str
    secrets: dict[str, str] = field(default_factory=dict)  # masked in output; environment, but for the two kinds above
    manifest: Optional[dict[str, Any]] = None  # {"manifest": {…}, "signature": "…"}: verify.check
    download: Optional[str] = None  # a path of this server
    command_signature: Optional[dict[str, Any]] = None  # {"command": {…}, "signature": "…"}: verify.check_command


@dataclass
class ClaimReply(Message):
    tasks: list[ClaimedTask]


def command_of(task: dict[str, Any]) -> dict[str, Any]:
    """What the command signature covers: the ClaimedTask as JSON, exactly as sent, but for the lease and the
    signature itself. So nobody between server and agent can change what runs, and with which settings."""
    return {name: value for name, value in task.items() if name not in ("lease_seq", "token", "command_signature")}


# --- a task's life ---------------------------------------------------------------------------
@dataclass
class StatusRequest(Message):
    """POST status: `downloading` before a payload is fetched, `reporting` when the process has ended
    and more than its last output is still on the way."""

    lease_seq: int
    token: str
    state: str
    exit_code: Optional[int] = None  # with reporting


@dataclass
class LeaseRequest(Message):
    """POST start (the permit to execute, the same answer when repeated) and give_back (never started)."""

    lease_seq: int
    token: str


@dataclass
class StartReply(Message):
    deadline_s: float  # after this many seconds the server calls it timed out


# PATCH log?stream=stdout|stderr|index: lease headers, Content-Range: bytes a-b/* (b inclusive), X-Chunk-CRC32.
#   202 taken; what overlaps and is identical is ignored · 416 a is beyond the size · 409 different, stale.
#   `Content-Range: bytes */*` with an empty body asks for the size.
# PUT artifacts/<n>?name=&type=: lease headers, Content-Length, X-SHA256; 201, also when repeated. `type` is the one
#   that a plugin gave the file, else the name's extension. They all arrive before the result.


@dataclass
class ResultRequest(Message):
    """PUT result → 200 ResultReply (repeated: the same) | 409 different | 412 incomplete | 404."""

    lease_seq: int
    token: str
    exit_code: int  # 0…255, 128+signal, or one of the codes above
    sizes: dict[str, int]  # by stream
    sha256: dict[str, str]  # by stream, hex
    agent_time: str
    signal: Optional[int] = None
    reason: Optional[str] = None  # timeout, output_limit, agent_offline, plugin_error, …
    error: Optional[str] = None
    traceback: Optional[str] = None
    outcome_known: bool = True
    dropped_bytes: int = 0  # written by the process and not kept
    escaped: int = 0  # processes that outlived the kill
    started_ms: Optional[int] = None  # since the claim arrived, by the monotonic clock
    ended_ms: Optional[int] = None
    result: Any = None  # JSON that a plugin returned


@dataclass
class ResultReply(Message):
    accepted: Union[bool, str]  # true, or "late"


@dataclass
class FailRequest(Message):
    """POST fail: it never started. Exit code -1."""

    lease_seq: int
    token: str
    reason: str
    error: str
    traceback: Optional[str] = None


@dataclass
class CancelledRequest(Message):
    """POST cancelled: nothing of it runs any more, but for `escaped` processes. The fields of a result
    are there when it had started."""

    lease_seq: int
    token: str
    escaped: int = 0
    started: bool = True
    signal: Optional[int] = None
    sizes: dict[str, int] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    dropped_bytes: int = 0
    started_ms: Optional[int] = None
    ended_ms: Optional[int] = None


@dataclass
class Refusal(Message):
    code: str
    detail: str = ""
    missing: dict[str, int] = field(default_factory=dict)  # by stream: where to go on sending
    retry_after_s: Optional[float] = None
    required: Optional[str] = None  # with upgrade: the version to install
