#!/bin/sh
# Installs the Muster agent on this host, enrols it and starts it with the system.
#
#   curl -fsSL {{ server }}/agents/install.sh | MUSTER_ENROLMENT_TOKEN=enr_… sh
#
# MUSTER_TAGS="web prod" adds tags, MUSTER_WORK_DIR chooses a folder for all of it, MUSTER_START=no leaves it off.
set -eu

server={{ server }}
sha256={{ sha256 }}

fail() { echo "muster: $*" >&2; exit 1; }

# All of it is read before any of it runs: a download that was cut off does nothing.
main() {
    [ -n "${MUSTER_ENROLMENT_TOKEN:-}" ] || fail "set MUSTER_ENROLMENT_TOKEN to the token that the page Agents shows"
    python=$(command -v python3) || fail "python3 (3.9 or later) is needed"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail "python3 is older than 3.9"
    if [ "$(id -u)" = 0 ]; then
        program=/usr/local/lib/muster/muster-agent.pyz work_dir=/var/lib/muster-agent
    else
        program=$HOME/.local/lib/muster/muster-agent.pyz work_dir=$HOME/.local/state/muster-agent
    fi
    if [ -n "${MUSTER_WORK_DIR:-}" ]; then
        mkdir -p "$MUSTER_WORK_DIR"
        work_dir=$(cd "$MUSTER_WORK_DIR" && pwd)
        program=$work_dir/muster-agent.pyz
    fi
    mkdir -p "$(dirname "$program")" "$work_dir"
    chmod 700 "$work_dir"
    fetch "$program.new"
    mv "$program.new" "$program"
    set --
    for tag in ${MUSTER_TAGS:-}; do set -- "$@" --tag "$tag"; done
    # Through stdin: what stands in the arguments of a process can be read by everybody.
    printf '%s' "$MUSTER_ENROLMENT_TOKEN" | "$python" -I "$program" enrol --server "$server" --work-dir "$work_dir" "$@"
    if [ "${MUSTER_START:-yes}" != yes ]; then
        echo "Start it with: $python -I $program run --work-dir $work_dir"
    elif ! "$python" -I "$program" install --work-dir "$work_dir"; then
        start_alone
    fi
}

# Where nothing starts services (a container, a session without systemd), it runs all the same.
start_alone() {
    umask 077
    nohup "$python" -I "$program" run --work-dir "$work_dir" >>"$work_dir/agent.log" 2>&1 </dev/null &
    sleep 1
    kill -0 $! 2>/dev/null || { tail -n 5 "$work_dir/agent.log" >&2; fail "the agent ended at once"; }
    echo "The agent runs as process $! and writes to $work_dir/agent.log. After a restart of this host, start it with:"
    echo "  $python -I $program run --work-dir $work_dir"
}

fetch() {
    if command -v curl >/dev/null; then
        curl -fsSL -o "$1" "$server/agents/muster-agent.pyz" || fail "the download failed"
    else
        wget -qO "$1" "$server/agents/muster-agent.pyz" || fail "the download failed"
    fi
    "$python" - "$1" "$sha256" <<'CHECK' || { rm -f "$1"; fail "the download is not the program that this server publishes"; }
import hashlib, sys
with open(sys.argv[1], "rb") as file:
    sys.exit(hashlib.sha256(file.read()).hexdigest() != sys.argv[2])
CHECK
    chmod 755 "$1"
}

main
