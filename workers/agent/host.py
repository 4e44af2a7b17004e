"""What this host says of itself, for people to read. What cannot be found out is left out."""

import os
import platform
from typing import Any


def facts() -> dict[str, Any]:
    found = {
        "system": _system(), "kernel": platform.release(), "cpus": os.cpu_count(), "memory": _memory(),
        "python": platform.python_version(), "timezone": _timezone(),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _system() -> str:
    """As its makers call it: Debian GNU/Linux 12 (bookworm), macOS 14.5."""
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return _os_release().get("PRETTY_NAME") or platform.system()


def _os_release() -> dict[str, str]:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                pairs = (line.strip().partition("=") for line in file)
                return {name: value.strip("\"'") for name, _, value in pairs}
        except OSError:
            continue
    return {}


def _timezone() -> str:
    """By its name, such as Europe/Amsterdam."""
    named = os.environ.get("TZ", "").lstrip(":") or os.path.realpath("/etc/localtime")
    return named.rpartition("zoneinfo/")[2] if "zoneinfo/" in named or not named.startswith("/") else ""


def _memory() -> int:
    """In bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
