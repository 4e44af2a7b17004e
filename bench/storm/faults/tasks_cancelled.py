"""People change their minds: some of the tasks are cancelled, in whatever state they are."""

from bench.storm.load import ANSWERS, call
from bench.storm.storm import Storm

MOST = 3


def strike(storm: Storm) -> bool:
    known = sorted(storm.accepted.uuids.values())[-40:]
    chosen = storm.random.sample(known, min(MOST, len(known)))
    for uuid in chosen:
        answer = call(storm.site, storm.token, "POST", f"/api/v1/tasks/{uuid}/cancel")
        if answer.status and answer.status not in ANSWERS:
            storm.accepted.strange.append(f"cancel {uuid}: {answer.status} {answer.body}")
    return bool(chosen)
