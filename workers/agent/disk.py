"""Small files that are whole or absent, and nobody else's business."""

import itertools
import json
import os
from typing import Any

_names = itertools.count()


def write_private(path: str, content: bytes, durable: bool = True) -> None:
    """All or nothing, for this user only, and on the disk when it returns unless that can be done without."""
    folder = os.path.dirname(os.path.abspath(path))
    temporary = os.path.join(folder, f".new-{os.getpid()}-{next(_names)}")
    with open(temporary, "xb", opener=_private) as file:
        try:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    if durable and os.name == "posix":
        _sync_folder(folder)


def write_json(path: str, value: Any, durable: bool = True) -> None:
    write_private(path, json.dumps(value).encode(), durable)


def read_json(path: str) -> Any:
    """None when there is no such file."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def place(path: str) -> list[int]:
    """A folder that was moved within its disk is the same one, a copy of it is not."""
    state = os.stat(path)
    return [state.st_dev, state.st_ino]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: str) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
