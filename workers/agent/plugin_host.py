"""Call one function of a plugin in a child of the runner, and keep what it returns.

A plugin is a Python module: `action(*args, **kwargs)` is called, what it returns must be JSON. It is looked for in the
signed bundle that came with the task, else in the agent's plugins folder, else among the installed modules.
"""

import importlib
import json
import os
import site
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Any, Callable, Optional

from .mask import masked
from .protocol import MAX_RESULT


def body(plugin: dict[str, Any], secrets: Sequence[str]) -> Callable[[Callable[..., None]], int]:
    bundle = _read_bundle(plugin["bundle"])

    def run(report: Callable[..., None]) -> int:
        try:
            _find(plugin["path"] if bundle is None else _in_memory(bundle))
            _keep(masked(_call(plugin), secrets), plugin["result"])
            _join_threads()
            return 0
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except MemoryError:
            report("memory_limit", "the plugin needed more memory than it may use", _trace(secrets))
        except BaseException as error:
            report("plugin_error", masked(f"{type(error).__name__}: {error}", secrets), _trace(secrets))
        return 1

    return run


def _read_bundle(number: Optional[int]) -> Optional[bytes]:
    """While this is still the agent's user: the one that the plugin runs as may not see the work dir."""
    if number is None:
        return None
    with os.fdopen(number, "rb") as file:
        file.seek(0)
        return file.read()


def _in_memory(bundle: bytes) -> str:
    number = os.memfd_create("bundle")
    with os.fdopen(number, "wb", closefd=False) as file:
        file.write(bundle)
    return f"/proc/self/fd/{number}"


def _find(path: str) -> None:
    site.main()  # the runner was started without the host's installed modules
    sys.path.insert(0, path)
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()


def _call(plugin: dict[str, Any]) -> Any:
    module = importlib.import_module(plugin["module"])
    action = getattr(module, plugin["action"], None)
    if not callable(action):
        raise LookupError(f"the plugin {plugin['module']} has no action {plugin['action']}")
    return action(*plugin["args"], **plugin["kwargs"])


def _keep(value: Any, path: str) -> None:
    text = json.dumps(value, allow_nan=False)
    if len(text) > MAX_RESULT:
        raise ValueError(f"the result has {len(text)} bytes; {MAX_RESULT} are allowed, use a file in $MUSTER_OUT")
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(text)


def _trace(secrets: Sequence[str]) -> str:
    return masked(traceback.format_exc(), secrets)


def _join_threads() -> None:
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
