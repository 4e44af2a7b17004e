"""Where this program's own code is, and where runners load it from.

Packed into a .pyz it is compiled anew at every start, and the file may be replaced under a running process. So a packed
agent lays its modules out once, compiled, in the work dir, and starts runners from there.
"""

import compileall
import hashlib
import os
import shutil
import zipfile
from typing import Optional

from .state import WorkDir


def packed_program() -> Optional[str]:
    """The .pyz that this process was started from."""
    root = _root()
    return root if os.path.isfile(root) else None


def for_runners(work: WorkDir) -> str:
    """What goes on a runner's sys.path."""
    program = packed_program()
    return _root() if program is None else _unpacked(work, program)


def _root() -> str:
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _unpacked(work: WorkDir, program: str) -> str:
    with open(program, "rb") as file:
        name = hashlib.sha256(file.read()).hexdigest()[:16]
    place, making = work.path("code", name), work.path("code", f".new-{os.getpid()}")
    if not os.path.isdir(place):
        shutil.rmtree(making, ignore_errors=True)
        with zipfile.ZipFile(program) as archive:
            archive.extractall(making, [item for item in archive.namelist() if item.startswith("workers/")])
        compileall.compile_dir(making, quiet=2, stripdir=making, prependdir=program)
        os.rename(making, place)
    for other in os.listdir(work.path("code")):
        if other != name:   # runners have loaded all they need
            shutil.rmtree(work.path("code", other), ignore_errors=True)
    return place


def empty(folder: str) -> None:
    """A private folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
