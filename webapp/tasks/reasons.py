"""Why a task failed or was skipped: the closed list, with what to say and what to try for each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from webapp.language import N_


class Reason(StrEnum):
    EXIT_CODE = "exit_code"
    TIMEOUT = "timeout"
    AGENT_OFFLINE = "agent_offline"
    DOWNLOAD_FAILED = "download_failed"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    SIZE_MISMATCH = "size_mismatch"
    SIGNATURE_INVALID = "signature_invalid"
    MANIFEST_EXPIRED = "manifest_expired"
    MANIFEST_REVOKED = "manifest_revoked"
    VERSION_ROLLBACK = "version_rollback"
    POLICY_REFUSED = "policy_refused"
    NO_BUILD_FOR_PLATFORM = "no_build_for_platform"
    SPAWN_FAILED = "spawn_failed"
    RUN_AS_FAILED = "run_as_failed"
    PLUGIN_ERROR = "plugin_error"
    INVALID_INPUT = "invalid_input"
    WORKER_LOST = "worker_lost"
    OUTPUT_LIMIT = "output_limit"
    MEMORY_LIMIT = "memory_limit"
    DISK_FULL = "disk_full"
    NETWORK_ERROR = "network_error"
    PERMISSION_DENIED = "permission_denied"
    RESOURCE_LIMIT = "resource_limit"
    UPDATE_FAILED = "update_failed"
    UNINSTALL_FAILED = "uninstall_failed"
    UNDELIVERABLE = "undeliverable"
    INTERNAL_ERROR = "internal_error"
    # Why a task was skipped.
    UPSTREAM_FAILED = "upstream_failed"
    CONDITION_NOT_MET = "condition_not_met"
    HOLIDAY = "holiday"
    FROZEN = "frozen"
    OVERLAP = "overlap"


@dataclass(frozen=True)
class Advice:
    label: str
    hint: str


R = Reason
ADVICE: dict[Reason, Advice] = {
    R.EXIT_CODE: Advice(
        N_("Exit code"),
        N_(
            "The program ended with a code that does not count as success. Read the last lines of its output, or add the code to the accepted ones."
        ),
    ),
    R.TIMEOUT: Advice(
        N_("Timed out"),
        N_("Its execution timeout passed. Look for what it was waiting for, or give it more time."),
    ),
    R.AGENT_OFFLINE: Advice(
        N_("Agent offline"),
        N_(
            "The agent stopped reporting while it had the task. Check the host and its connection; a late result is still recorded."
        ),
    ),
    R.DOWNLOAD_FAILED: Advice(
        N_("Download failed"),
        N_("The agent could not fetch what it was to run. Check its connection to the server and its free disk."),
    ),
    R.CHECKSUM_MISMATCH: Advice(
        N_("Integrity check failed"),
        N_(
            "The file that arrived is not the file that was signed. Nothing was run. Upload the build again and look for a proxy that changes downloads."
        ),
    ),
    R.SIZE_MISMATCH: Advice(
        N_("Integrity check failed"),
        N_("The file that arrived has another size than its manifest says. Nothing was run."),
    ),
    R.SIGNATURE_INVALID: Advice(
        N_("Signature refused"),
        N_(
            "The manifest is not signed by a key that the agent trusts. Nothing was run. Compare the agent's pinned key with the server's."
        ),
    ),
    R.MANIFEST_EXPIRED: Advice(
        N_("Manifest expired"),
        N_("The signature is older than it may be. Sign the build again, or check the host's clock."),
    ),
    R.MANIFEST_REVOKED: Advice(N_("Build revoked"), N_("This build was withdrawn. Choose a newer version.")),
    R.VERSION_ROLLBACK: Advice(
        N_("Older version refused"),
        N_("The agent has already seen a newer version of this test. Raise the version and sign it again."),
    ),
    R.POLICY_REFUSED: Advice(
        N_("Refused by the host's policy"),
        N_("The agent's own policy file does not allow this. Change it on the host, not here."),
    ),
    R.NO_BUILD_FOR_PLATFORM: Advice(
        N_("No build"), N_("There is no build for this platform and architecture. Upload one, or choose other agents.")
    ),
    R.SPAWN_FAILED: Advice(
        N_("Could not start"),
        N_(
            "The program could not be started. Check that it exists on the host, may be executed, and that the working directory is there."
        ),
    ),
    R.RUN_AS_FAILED: Advice(
        N_("Could not change user"),
        N_("The agent may not run as that user. Add it to the allow list on the host, or run as the agent's own user."),
    ),
    R.PLUGIN_ERROR: Advice(N_("Plugin crashed"), N_("The plugin raised an error. Its traceback is below.")),
    R.INVALID_INPUT: Advice(
        N_("Input refused"), N_("The plugin cannot use this input. Compare it with what the plugin consumes.")
    ),
    R.WORKER_LOST: Advice(
        N_("Worker lost"),
        N_("The worker ended while it ran the task, so what became of it is unknown. Run it again if that is safe."),
    ),
    R.OUTPUT_LIMIT: Advice(
        N_("Too much output"), N_("The output passed its limit. Raise the limit, or make the program say less.")
    ),
    R.MEMORY_LIMIT: Advice(
        N_("Out of memory"),
        N_("It asked for more memory than it may use. Raise the limit, or give it less to do at once."),
    ),
    R.DISK_FULL: Advice(
        N_("Disk full"),
        N_("There was no room to keep the output. Free some space; nothing is started below the floor."),
    ),
    R.NETWORK_ERROR: Advice(
        N_("Network error"),
        N_("The target could not be reached. Check its name, address and port from where the task ran."),
    ),
    R.PERMISSION_DENIED: Advice(
        N_("Permission denied"), N_("The user that it ran as may not do this. Check file rights and the run-as user.")
    ),
    R.RESOURCE_LIMIT: Advice(
        N_("Resource limit"), N_("A limit of the host or the task was reached. See the last lines of its output.")
    ),
    R.UPDATE_FAILED: Advice(N_("Update failed"), N_("The agent keeps its old version. Its output says why.")),
    R.UNINSTALL_FAILED: Advice(N_("Uninstall failed"), N_("The agent is still on the host. Its output says why.")),
    R.UNDELIVERABLE: Advice(
        N_("Not delivered"),
        N_("It was handed out three times and never started. Check whether its executor ends when it begins."),
    ),
    R.INTERNAL_ERROR: Advice(
        N_("Internal error"), N_("Something failed on the server's side. Its log has the details under this task's id.")
    ),
    R.UPSTREAM_FAILED: Advice(N_("Upstream failed"), N_("A task that this one depends on did not succeed.")),
    R.CONDITION_NOT_MET: Advice(N_("Condition not met"), N_("What this task waited for did not come true.")),
    R.HOLIDAY: Advice(N_("Holiday"), N_("The calendar says that nothing runs on this day.")),
    R.FROZEN: Advice(N_("Frozen"), N_("It was frozen for the day.")),
    R.OVERLAP: Advice(
        N_("Still running"), N_("The run before was not over, and this schedule does not allow two at once.")
    ),
}
