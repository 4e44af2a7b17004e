"""Run a plugin in a child of the runner.

Either a bundle that is a program (`__main__`): it gets its call as JSON on stdin and its folder as argument, and
writes its journal there. Or a Python module: `action(*args, **kwargs)` is called, and what it returns must be JSON.
A module is looked for in the signed bundle, else in the agent's plugins folder, else among the installed ones.
"""

import importlib
import io
import json
import os
import runpy
import site
import sys
import threading
import traceback
import zipfile
from collections.abc import Sequence
from typing import Any, Callable

from .mask import masked


def body(
    plugin: dict[str, Any], settings: dict[str, str], parameters: dict[str, str], secrets: Sequence[str]
) -> Callable[[Callable], int]:
    """`settings` and `parameters` are the secret ones, which never stood in a file; `secrets` is all to be masked."""
    is_program = plugin["bundle"] is not None and _has_main(plugin["path"])

    def run(report: Callable[..., None]) -> int:
        try:
            _find(plugin["path"])
            if is_program:
                _run_program(plugin, settings, parameters)
            else:
                _keep(masked(_call(plugin), secrets), plugin["result"], plugin["max_result"])
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


def _has_main(path: str) -> bool:
    with zipfile.ZipFile(path) as bundle:
        return "__main__.py" in bundle.namelist()


def _find(path: str) -> None:
    site.main()  # the runner was started without the host's installed modules
    sys.path.insert(0, path)
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()


def _run_program(plugin: dict[str, Any], settings: dict[str, str], parameters: dict[str, str]) -> None:
    call = dict(plugin["call"])
    for name, secret in (("settings", settings), ("kwargs", parameters)):
        if secret:
            call[name] = {**(call.get(name) or {}), **secret}
    sys.stdin = io.StringIO(json.dumps(call))
    sys.argv = [plugin["path"], os.path.dirname(plugin["result"])]
    runpy.run_path(plugin["path"], run_name="__main__")


def _call(plugin: dict[str, Any]) -> Any:
    module = importlib.import_module(plugin["module"])
    action = getattr(module, plugin["action"], None)
    if not callable(action):
        raise LookupError(f"the plugin {plugin['module']} has no action {plugin['action']}")
    return action(*plugin["args"], **plugin["kwargs"])


def _keep(value: Any, path: str, limit: int) -> None:
    text = json.dumps(value, allow_nan=False)
    if len(text) > limit:
        raise ValueError(f"the result has {len(text)} bytes; {limit} are allowed, use a file in $MUSTER_OUT")
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(text)


def _trace(secrets: Sequence[str]) -> str:
    return masked(traceback.format_exc(), secrets)


def _join_threads() -> None:
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
