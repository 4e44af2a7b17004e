"""Start the agent with the host: a systemd unit on Linux, a launchd job on macOS."""

import html
import os
import shutil
import subprocess
import sys
from typing import Callable, Optional

from . import exits

NAME = "muster-agent"
LABEL = "muster.agent"


def systemd_unit(command: list[str]) -> str:
    # Only the main process is stopped: the runners of tasks go on and are found again at the next start.
    return f"""[Unit]
Description=Muster agent
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={" ".join(_quoted(part) for part in command)}
KillMode=process
Restart=always
RestartSec=5
RestartPreventExitStatus={exits.NOT_ALLOWED} {exits.SESSION_CONFLICT}
TimeoutStopSec=60
UMask=0077

[Install]
WantedBy={"multi-user.target" if os.geteuid() == 0 else "default.target"}
"""


def launchd_job(command: list[str]) -> str:
    arguments = "".join(f"\n    <string>{html.escape(part, quote=False)}</string>" for part in command)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>{arguments}
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>AbandonProcessGroup</key>
  <true/>
</dict>
</plist>
"""


def install(command: list[str], say: Callable[[str], None]) -> None:
    path = unit_path()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(launchd_job(command) if sys.platform == "darwin" else systemd_unit(command))
    say(f"wrote {path}")
    for step in _start_steps(path):
        subprocess.run(step, check=True)


def remove(work_dir: str, cleanup: bool, program: Optional[str], say: Callable[[str], None]) -> None:
    """The last thing that an agent does. Stopping the service comes with the end of this process."""
    path = unit_path()
    if os.path.exists(path):
        for step in _disable_steps():
            subprocess.run(step, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.unlink(path)
        say(f"removed {path}")
    if cleanup:
        shutil.rmtree(work_dir, ignore_errors=True)
        if program is not None:
            os.unlink(program)
        say(f"removed {work_dir}")


def unit_path() -> str:
    root = os.geteuid() == 0
    if sys.platform == "darwin":
        folder = "/Library/LaunchDaemons" if root else os.path.expanduser("~/Library/LaunchAgents")
        return os.path.join(folder, LABEL + ".plist")
    folder = "/etc/systemd/system" if root else os.path.expanduser("~/.config/systemd/user")
    return os.path.join(folder, NAME + ".service")


def _systemctl() -> list[str]:
    return ["systemctl"] if os.geteuid() == 0 else ["systemctl", "--user"]


def _start_steps(path: str) -> list[list[str]]:
    if sys.platform == "darwin":
        return [["launchctl", "load", "-w", path]]
    return [[*_systemctl(), "daemon-reload"], [*_systemctl(), "enable", "--now", NAME]]


def _disable_steps() -> list[list[str]]:
    if sys.platform == "darwin":
        return []  # without its file the job is gone at the next boot, and KeepAlive ends with exit code 0
    return [[*_systemctl(), "disable", NAME]]


def _quoted(part: str) -> str:
    """As systemd.syntax wants it; % begins a specifier."""
    plain = part.replace("%", "%%")
    if plain and all(letter.isalnum() or letter in "/._-=:@+,%" for letter in plain):
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'
