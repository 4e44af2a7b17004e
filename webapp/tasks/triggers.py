"""What the database refuses by itself: a finished task does not change, whatever the code says."""

from __future__ import annotations

from webapp.schema import Trigger
from webapp.tasks.states import FINAL

_FINAL = ", ".join(f"'{status}'" for status in sorted(FINAL))
_FACTS = ("status", "exit_code", "outcome", "reason", "ended_at")
_TEXT = "a finished task does not change"
# A failure that was only inferred may still be told as it really was.
_INFERRED = "(OLD.status = 'failed' AND NOT OLD.outcome_known)"

_SQLITE = f"""
CREATE TRIGGER IF NOT EXISTS task_is_final BEFORE UPDATE OF {", ".join(_FACTS)} ON task
WHEN OLD.status IN ({_FINAL}) AND NOT {_INFERRED} AND ({" OR ".join(f"NEW.{f} IS NOT OLD.{f}" for f in _FACTS)})
BEGIN SELECT RAISE(ABORT, '{_TEXT}'); END
"""

_POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION task_is_final() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '{_TEXT}' USING ERRCODE = 'check_violation'; END $$ LANGUAGE plpgsql;
CREATE OR REPLACE TRIGGER task_is_final BEFORE UPDATE OF {", ".join(_FACTS)} ON task
FOR EACH ROW WHEN (OLD.status IN ({_FINAL}) AND NOT {_INFERRED}
AND ({" OR ".join(f"NEW.{f} IS DISTINCT FROM OLD.{f}" for f in _FACTS)})) EXECUTE FUNCTION task_is_final()
"""

TRIGGERS = (Trigger("task_is_final", "task", _SQLITE, _POSTGRESQL),)
