"""Take the agent off this host. First the report, then the removal: see `Agent.delivered`."""

from ..record import ExitRecord


def run(work) -> ExitRecord:
    work.permit()
    return ExitRecord(0)


def resumed(work) -> ExitRecord:
    return ExitRecord(0)
