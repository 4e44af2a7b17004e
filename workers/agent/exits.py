"""What the agent program's exit code says."""

OK = 0
USAGE = 2
NOT_ENROLLED = 3
NOT_ALLOWED = 4  # credential revoked, token refused
UNREACHABLE = 5
NO_SERVICE = 6  # nothing here would start the agent with the host
LOCKED = 8  # another agent runs in this work dir
SESSION_CONFLICT = 9  # a second copy of this agent is alive somewhere
