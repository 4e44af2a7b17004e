"""What the tests' warm parent runs in place of plugins."""

import fcntl
import json
import os
import resource
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path


def show(call: dict, folder: Path) -> None:
    """Everything that a plugin can see of its place."""
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    umask = os.umask(0)
    seen = {
        "call": call,
        "folder": str(folder),
        "cwd": os.getcwd(),
        "env": dict(os.environ),
        "umask": umask,
        "core": soft,
    }
    descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    print(json.dumps(seen | {"stdin": sys.stdin.read(), "descriptors": descriptors}))


def speak(call: dict, folder: Path) -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)


def give(call: dict, folder: Path) -> int:
    return call["code"]


def leave(call: dict, folder: Path) -> None:
    sys.exit(call["code"])


def fail(call: dict, folder: Path) -> None:
    print("before")
    raise ValueError(call["text"])


def eat(call: dict, folder: Path) -> None:
    bytearray(call["bytes"])


def vanish(call: dict, folder: Path) -> None:
    os.kill(os.getpid(), call["signal"])


def write_to_nobody(call: dict, folder: Path) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    try:
        ours.send(b"hello?")
    except BrokenPipeError:
        print("nobody there")


def sleep(call: dict, folder: Path) -> None:
    write_pid()
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (Path("pids") / str(child.pid)).touch()
    print("asleep", flush=True)
    time.sleep(600)


def write_pid() -> None:
    Path("pids").mkdir(exist_ok=True)
    (Path("pids") / str(os.getpid())).touch()


def search_memory(call: dict, folder: Path) -> None:
    """How often a word, told backwards, is in the memory of this process: by itself, and inherited."""
    word, found = call["reversed"][::-1].encode(), 0
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
        for place, rights, *_, name in [line.split() for line in maps]:
            first, last = (int(number, 16) for number in place.split("-"))
            if rights.startswith("rw") and not name.startswith("[v"):
                memory.seek(first)
                found += memory.read(last - first).count(word)
    print(found)


def say(call: dict, folder: Path) -> None:
    for piece in call["pieces"]:
        sys.stdout.write(piece)
        sys.stdout.flush()
        while fcntl.ioctl(1, termios.FIONREAD, b"----") != bytes(4):
            pass  # each is read by itself
