import socket
import threading

import pytest


@pytest.fixture
def open_port():
    """A listening port that greets whoever connects."""
    server = socket.create_server(("127.0.0.1", 0))

    def greet() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"220 ready \xff\0\r\n")

    thread = threading.Thread(target=greet)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.fixture
def quiet_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port():
    with socket.socket() as bound:  # bound and not listening: nobody else gets it
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_open_ports_and_their_banners_are_found(run, open_port, quiet_port, closed_port):
    ran = run(
        "tcp_ports", "127.0.0.1", kwargs={"ports": f"{open_port},{quiet_port},{closed_port}", "banner_seconds": 5}
    )
    assert ran.code == 0, ran.stderr
    assert ran.result == {"open": sorted([open_port, quiet_port]), "scanned": 3}
    banners = {fields["port"]: fields.get("banner") for fields in ran.fields("ipport")}
    assert banners[open_port] == "220 ready \\xff\\x00" and not banners[quiet_port]
    assert ran.keys("ipaddress") == ["internet|127.0.0.1"]
    assert ran.of("file")[0]["type"] == "ports"


def test_a_name_is_resolved(run, open_port):
    ran = run("tcp_ports", "localhost", kwargs={"ports": str(open_port)})
    assert f"internet|127.0.0.1|tcp|{open_port}" in ran.keys("ipport")


def test_a_range_is_walked_with_few_connections_at_a_time(run, open_port):
    low, high = max(1, open_port - 300), min(65535, open_port + 300)
    ran = run("tcp_ports", "127.0.0.1", kwargs={"ports": f"{low} - {high}", "concurrency": 3, "banner_seconds": 0})
    assert ran.code == 0 and open_port in ran.result["open"] and ran.result["scanned"] == high - low + 1


def test_a_name_without_an_address_is_a_network_error(run):
    ran = run("tcp_ports", f"{'x' * 63}.{'x' * 63}.invalid", kwargs={"ports": "1"})
    assert ran.error["reason"] == "network_error" and "has no address" in ran.error["text"]


@pytest.mark.parametrize("ports", ["0", "65536", "9-1", "a", "1,,2", "1-", "80;81"])
def test_ports_that_make_no_sense_are_refused(run, ports):
    assert run("tcp_ports", "127.0.0.1", kwargs={"ports": ports}).error["reason"] == "invalid_input"


def test_a_limit_of_this_host_is_not_taken_for_a_closed_port(run, open_port):
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))

    ran = run("tcp_ports", "127.0.0.1", kwargs={"ports": f"{open_port}-{min(65535, open_port + 200)}"}, limits=limit)
    assert ran.code == 1 and ran.error["reason"] == "resource_limit"
