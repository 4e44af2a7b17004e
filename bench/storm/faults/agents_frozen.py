"""SIGSTOP of an agent for longer than its leases, or than the grace after which it counts as gone; its tasks go on."""

from bench.storm.storm import Storm

SECONDS = (66.0, 66.0, 195.0)


def strike(storm: Storm) -> bool:
    if any(host.frozen for host in storm.fleet.hosts):
        return False
    host = storm.random.choice(storm.fleet.hosts)
    struck = host.freeze()
    if struck:
        storm.later(storm.random.choice(SECONDS), host.thaw)
    return struck
