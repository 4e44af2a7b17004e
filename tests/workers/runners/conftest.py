import itertools
import os
import sys
from pathlib import Path

import pytest

from workers.runners.warm import WarmParent, Work

PATH = {"PATH": os.environ["PATH"]}
ENTRIES = "tests.workers.runners.entries"


@pytest.fixture(scope="module")
def warm():
    parent = WarmParent(preload=[ENTRIES])
    parent.start()
    yield parent
    parent.stop()


class Bench:
    """Runs works in a folder of their own."""

    def __init__(self, warm, folder: Path):
        self.warm, self.folder, self.numbers = warm, folder, itertools.count()

    def begin(self, *argv, **options):
        options = {"timeout": 60, "env": PATH, "argv": list(argv) or None} | options
        place = self.folder / str(next(self.numbers))
        self.output, self.dir = place / "output", place / "dir"
        return self.warm.run(Work("task", self.dir, self.output, **options))

    def run(self, *argv, **options):
        record = self.begin(*argv, **options).wait(60)
        assert record is not None, "it has not ended"
        return record

    def python(self, program, *arguments, **options):
        return self.run(sys.executable, "-I", "-S", "-c", program, *arguments, **options)

    def begin_python(self, program, *arguments, **options):
        return self.begin(sys.executable, "-I", "-S", "-c", program, *arguments, **options)

    def call(self, name, call=None, **options):
        return self.run(entry=f"{ENTRIES}:{name}", call=call or {}, **options)

    def begin_call(self, name, call=None, **options):
        return self.begin(entry=f"{ENTRIES}:{name}", call=call or {}, **options)

    def text(self, stream="stdout"):
        path = self.output / stream
        return path.read_text() if path.exists() else ""

    def pids(self):
        """What the processes of the last work have written about themselves."""
        return [int(name.name) for name in (self.dir / "pids").iterdir()] if (self.dir / "pids").exists() else []


@pytest.fixture
def bench(warm, tmp_path):
    return Bench(warm, tmp_path)
