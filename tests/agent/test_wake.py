"""The wake channel: work starts at once, and without the channel it starts too."""

import queue
import socket
import threading

import pytest

from workers.agent.protocol import Wake


class WakeServer:
    """One connection at a time; `say` sends a line to the agent that listens."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/wake"
        self.connected: queue.Queue = queue.Queue()
        self.requests = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.requests.append(connection.recv(65536).decode())
            if "ticket=good" not in self.requests[-1]:
                connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                connection.close()
                continue
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nping\n")
            self.connected.put(connection)

    def close(self):
        self.listener.close()
        while not self.connected.empty():
            self.connected.get().close()


@pytest.fixture
def wake(server):
    made = WakeServer()
    server.wake = Wake(made.url, "good")
    server.interval_s = server.claim_interval_s = 3600
    yield made
    made.close()


def test_a_line_makes_the_agent_ask_at_once(server, host, wake):
    host.start()
    connection = wake.connected.get(timeout=60)
    server.wait(lambda: server.asked("claim"))
    row = server.command("echo awake")
    connection.sendall(b"claim\n")
    server.wait_for(row, "completed")
    connection.close()


def test_a_line_brings_the_next_heartbeat_forward(server, host, wake):
    host.start()
    connection = wake.connected.get(timeout=60)
    row = server.command("echo begin; sleep 600")
    connection.sendall(b"claim\n")
    server.wait(lambda: row.logs["stdout"])
    server.commands.append({"kind": "cancel", "task_id": row.id})
    connection.sendall(b"beat\n")
    server.wait_for(row, "terminated")
    connection.close()


def test_a_broken_channel_is_opened_again(server, host, wake):
    host.start()
    wake.connected.get(timeout=60).close()
    connection = wake.connected.get(timeout=60)
    row = server.command("echo awake")
    connection.sendall(b"claim\n")
    server.wait_for(row, "completed")
    connection.close()


def test_a_refused_ticket_waits_for_a_new_one(server, host, wake):
    server.wake = Wake(wake.url, "old")
    server.interval_s = 0.2
    host.start()
    server.wait(lambda: wake.requests)
    server.wake = Wake(wake.url, "good")
    wake.connected.get(timeout=60).close()


def test_without_the_channel_work_starts_by_asking(server, host):
    server.wake = Wake("http://127.0.0.1:9/wake", "good")
    row = server.command("true")
    host.start()
    server.wait_for(row, "completed")
