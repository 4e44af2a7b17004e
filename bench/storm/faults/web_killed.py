"""kill -9 of the web server, often in the middle of a POST: its main process, or the one that serves."""

import contextlib
import os
import signal

from bench.storm.storm import Storm


def strike(storm: Storm) -> bool:
    serving = storm.site.children("web")
    if serving and storm.random.random() < 0.5:
        with contextlib.suppress(ProcessLookupError):
            os.kill(serving[0], signal.SIGKILL)
        return True
    return storm.site.kill("web")
