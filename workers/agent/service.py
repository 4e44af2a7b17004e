"""Start the agent with the host: a systemd unit on Linux, a launchd job on macOS."""

import getpass
import html
import os
import shutil
import subprocess
import sys
from typing import Callable, Optional

from . import exits

NAME = "muster-agent"
LABEL = "muster.agent"


class NoService(Exception):
    """Nothing on this host would start the agent, or it refused to."""


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


def launchd_job(command: list[str], log: str) -> str:
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
  <key>StandardErrorPath</key>
  <string>{html.escape(log, quote=False)}</string>
</dict>
</plist>
"""


def text(command: list[str], work_dir: str) -> str:
    if sys.platform == "darwin":
        return launchd_job(command, os.path.join(work_dir, "agent.log"))
    return systemd_unit(command)


def install(command: list[str], work_dir: str, say: Callable[[str], None]) -> None:
    """Also over an earlier one, which then starts anew with this program. Its tasks go on meanwhile."""
    _require_manager()
    path = unit_path()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text(command, work_dir))
    say(f"wrote {path}")
    if sys.platform == "darwin":
        _succeeds(["launchctl", "unload", path])  # nothing, unless it was installed before
    for step in _start_steps(path):
        done = subprocess.run(step, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise NoService(f"{' '.join(step)} failed: {done.stderr.strip()}")
    say(f"started {LABEL if sys.platform == 'darwin' else NAME + '.service'}")
    if sys.platform != "darwin" and os.geteuid() != 0 and not _succeeds(["loginctl", "enable-linger"]):
        say(f"it stops when {getpass.getuser()} signs out, until root runs: loginctl enable-linger {getpass.getuser()}")


def remove(work_dir: str, cleanup: bool, program: Optional[str], say: Callable[[str], None]) -> None:
    """The last thing that an agent does. Stopping the service comes with the end of this process."""
    path = unit_path()
    if os.path.exists(path):
        for step in _disable_steps():
            subprocess.run(step, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.unlink(path)
        say(f"removed {path}")
    if cleanup:
        if program is not None and os.path.exists(program):  # it may lie in the work dir
            os.unlink(program)
        shutil.rmtree(work_dir, ignore_errors=True)
        say(f"removed {work_dir}")


def unit_path() -> str:
    root = os.geteuid() == 0
    if sys.platform == "darwin":
        folder = "/Library/LaunchDaemons" if root else os.path.expanduser("~/Library/LaunchAgents")
        return os.path.join(folder, LABEL + ".plist")
    folder = "/etc/systemd/system" if root else os.path.expanduser("~/.config/systemd/user")
    return os.path.join(folder, NAME + ".service")


def _require_manager() -> None:
    if sys.platform == "darwin":
        return
    if not os.path.isdir("/run/systemd/system") or shutil.which("systemctl") is None:  # as sd_booted(3) looks
        raise NoService("systemd does not run on this host")
    if os.geteuid() != 0 and not _succeeds([*_systemctl(), "show-environment"]):
        raise NoService("systemd runs no services for this user in this session; sign in anew, or install as root")


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _systemctl() -> list[str]:
    return ["systemctl"] if os.geteuid() == 0 else ["systemctl", "--user"]


def _start_steps(path: str) -> list[list[str]]:
    if sys.platform == "darwin":
        return [["launchctl", "load", "-w", path]]
    return [[*_systemctl(), step, *names] for step, *names in (("daemon-reload",), ("enable", NAME), ("restart", NAME))]


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
