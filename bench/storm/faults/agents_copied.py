"""A host is cloned while it runs: two agents of one identity. Both have to be told to stop, and a person lets one in."""

from bench.storm.storm import Storm

MOST = 3


def strike(storm: Storm) -> bool:
    hosts = [host for host in storm.fleet.hosts if host.alive and not host.frozen and host is not storm.fleet.small]
    if storm.fleet.copies >= MOST or not hosts or any(host.copy is not None for host in storm.fleet.hosts):
        return False
    storm.fleet.copies += 1
    storm.random.choice(hosts).start_copy()
    return True
