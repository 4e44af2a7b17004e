"""Where this program's own code is, and where it is loaded from.

A .pyz is compiled anew by every process, and it may be replaced while processes live. So a packed agent lays its
modules out in the work dir once, compiled, and loads them from there: itself, and for its runners.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from typing import Optional

import workers.agent

_OWN = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def packed_program() -> Optional[str]:
    """The .pyz that this process was started from."""
    return _OWN if os.path.isfile(_OWN) else None


def load_from_disk(work_dir: str) -> None:
    """All modules of the agent that are imported from now on."""
    if packed_program() is not None:
        workers.agent.__path__ = [os.path.join(_laid_out(work_dir), "workers", "agent")]


def place() -> str:
    """What runners have to put on their sys.path."""
    return os.path.dirname(os.path.dirname(workers.agent.__path__[0]))


def forget_others(work_dir: str) -> None:
    """What older versions laid out; their runners have loaded all they need."""
    for name in os.listdir(os.path.join(work_dir, "code")):
        path = os.path.join(work_dir, "code", name)
        if path != place():
            shutil.rmtree(path, ignore_errors=True)


def empty(folder: str) -> None:
    """A private folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)


def _laid_out(work_dir: str) -> str:
    with open(_OWN, "rb") as file:
        name = hashlib.sha256(file.read()).hexdigest()[:16]
    folder = os.path.join(work_dir, "code")
    done, making = os.path.join(folder, name), os.path.join(folder, f".new-{os.getpid()}")
    if not os.path.isdir(done):
        import zipfile  # once, and no small thing to keep in memory

        os.makedirs(making, mode=0o700)
        with zipfile.ZipFile(_OWN) as archive:
            archive.extractall(making, [item for item in archive.namelist() if item.startswith("workers/")])
        # In a process of its own: what compiling takes would stay with this one for ever.
        subprocess.run([sys.executable, "-I", "-m", "compileall", "-qq", making], check=False)
        os.rename(making, done)
    return done
