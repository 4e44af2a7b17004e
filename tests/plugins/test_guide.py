"""What docs/plugins.md shows works as it stands there."""

import re
import socket
import threading

from tests.plugins.conftest import ROOT

GUIDE = (ROOT / "docs" / "plugins.md").read_text("utf-8")


def test_the_first_plugin_of_the_guide_runs(run, plugins):
    source = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)[1]
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_greet, args=(server,))
        thread.start()
        port = server.getsockname()[1]
        ran = run("greeting", "127.0.0.1", location=plugins("greeting.py", source), kwargs={"port": port})
        thread.join()
    assert ran.result == {"line": "220 hello"} and ran.keys("ipport") == [f"internet|127.0.0.1|tcp|{port}"]


def _greet(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"220 hello\r\n")


def test_its_links_lead_to_its_headings():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in GUIDE.splitlines()
        if line[:2] == "##"
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE)) <= headings
