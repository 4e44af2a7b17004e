"""The example tests find what they say, run through the agent's own checks, and are the same bytes each time."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from webapp.library.examples.build import build_examples, examples
from webapp.library.signing import Signing
from workers.agent import payload, verify
from workers.agent.trust import Trust
from workers.agent.verify import Versions, Wanted

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
UNPROTECTED, PROTECTED, ERROR = 0, 1, 2
SOURCES = {example.slug: example.source for example in examples()}
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n"


def run(slug: str, *arguments, path=os.environ["PATH"]) -> subprocess.CompletedProcess:
    command = ["/bin/sh", SOURCES[slug], *map(str, arguments)]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


def test_there_are_three():
    assert sorted(SOURCES) == ["ssh-private-keys", "temporary-folder-exec", "world-writable-path"]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.slug)
def test_each_says_what_it_is(example):
    assert example.name[0].isupper()
    assert example.description.endswith(".")
    assert example.technique.startswith("T1")
    assert example.platforms == ["linux", "darwin"]
    assert example.requires == []


def test_built_twice_they_are_the_same(tmp_path):
    signing = Signing(tmp_path / "signing.key")
    one = build_examples(signing, tmp_path / "one", org="acme", now=NOW)
    two = build_examples(signing, tmp_path / "two", org="acme", now=NOW)
    assert [built.signed for built in one] == [built.signed for built in two]
    assert [built.file.read_bytes() for built in one] == [built.file.read_bytes() for built in two]


@pytest.mark.parametrize("slug", sorted(SOURCES))
def test_each_runs_as_an_agent_would_run_it(slug, tmp_path):
    signing = Signing(tmp_path / "signing.key")
    built = {built.example.slug: built for built in build_examples(signing, tmp_path / "out", org="acme", now=NOW)}[
        slug
    ]
    trust, task = Trust.pin(signing.bundle(NOW)), tmp_path / "task"
    task.mkdir(mode=0o700)
    wanted = Wanted("execute_test", slug, "acme", *verify.this_host(), agent_version="0.1.0")
    allowed = verify.check(built.signed, wanted, trust, Versions(str(tmp_path / "versions.json")), NOW)
    saved = payload.save([built.file.read_bytes()], allowed, str(task))
    with payload.opened(saved, allowed, trust, NOW) as file:
        start = file.start()
        ended = subprocess.run(start.argv, executable=start.executable, pass_fds=start.pass_fds, capture_output=True)
    assert ended.returncode in (UNPROTECTED, PROTECTED)
    assert ended.stdout.splitlines()[-1].startswith([b"Unprotected: ", b"Protected: "][ended.returncode])
    assert ended.stderr == b""


@pytest.mark.parametrize(("mode", "expected"), [(0o777, UNPROTECTED), (0o1777, UNPROTECTED), (0o775, PROTECTED)])
def test_a_world_writable_folder_on_path(tmp_path, mode, expected):
    folder = tmp_path / "bin with blanks"
    folder.mkdir()
    folder.chmod(mode)
    ended = run("world-writable-path", path=f"/usr/bin:{folder}")
    assert ended.returncode == expected
    assert (f"FOUND  {folder} is writable" in ended.stdout) == (expected == UNPROTECTED)


@pytest.mark.parametrize("path", ["/usr/bin:", ":/usr/bin", "/usr/bin::/bin", "/usr/bin:.", "/usr/bin:tools"])
def test_a_path_that_depends_on_where_one_stands(path):
    assert run("world-writable-path", path=path).returncode == UNPROTECTED


def test_a_program_planted_on_path_is_not_run(tmp_path):
    planted = tmp_path / "find"
    planted.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    planted.chmod(0o755)
    run("world-writable-path", path=tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("key", "folder", "home", "expected"),
    [
        (0o600, 0o700, 0o755, PROTECTED),
        (0o644, 0o755, 0o755, UNPROTECTED),
        (0o640, 0o750, 0o755, UNPROTECTED),
        (0o644, 0o700, 0o755, PROTECTED),
        (0o644, 0o755, 0o700, PROTECTED),
        (0o640, 0o701, 0o755, PROTECTED),
    ],
)
def test_a_key_counts_as_readable_when_the_way_to_it_is_open(tmp_path, key, folder, home, expected):
    file = put_key(tmp_path, KEY)
    file.chmod(key), file.parent.chmod(folder), file.parent.parent.chmod(home)
    ended = run("ssh-private-keys", accounts(tmp_path))
    assert ended.returncode == expected
    assert str(file) in ended.stdout
    assert "b3BlbnNzaA" not in ended.stdout


def test_what_is_no_private_key_does_not_count(tmp_path):
    put_key(tmp_path, "ssh-ed25519 AAAA somebody\n").chmod(0o644)
    ended = run("ssh-private-keys", accounts(tmp_path))
    assert ended.returncode == PROTECTED
    assert "no private key was found" in ended.stdout


def test_without_accounts_there_is_no_answer(tmp_path):
    assert run("ssh-private-keys", tmp_path / "none").returncode == ERROR


def test_mount_options_decide_about_execution():
    """Over the real mounts of this host; where namespaces are allowed, over one of each kind of our own as well."""
    for point, options in visible_mounts().items():
        expected = PROTECTED if "noexec" in options else UNPROTECTED
        assert run("temporary-folder-exec", point).returncode == expected, (point, options)


@pytest.mark.parametrize(("option", "expected"), [("noexec", PROTECTED), ("exec", UNPROTECTED)])
def test_a_mounted_temporary_folder(tmp_path, option, expected):
    folder = tmp_path / "with blanks"
    folder.mkdir()
    mount = 'mount -t tmpfs -o "$1" none "$2" || exit 77; exec /bin/sh "$0" "$2"'
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    command = [*apart, "sh", "-c", mount, SOURCES["temporary-folder-exec"], option, folder]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    forbidden = ended.returncode == 77 or "unshare failed" in ended.stderr
    assert ended.returncode == expected or forbidden, ended


def test_no_folder_no_answer(tmp_path):
    assert run("temporary-folder-exec", tmp_path / "none").returncode == ERROR


def accounts(path: Path) -> Path:
    file = path / "passwd"
    file.write_text(f"ann:x:1000:1000::{path / 'ann'}:/bin/sh\nbob:x:1001:1001::/nonexistent:/bin/sh\n")
    return file


def put_key(path: Path, content: str) -> Path:
    file = path / "ann" / ".ssh" / "id"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    return file


def visible_mounts() -> dict[str, list[str]]:
    """Mount points that df names as such: not those which a later mount covers."""
    found = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point, options = line.split()[1], line.split()[3].split(",")
        if os.path.isdir(point) and os.path.ismount(point) and shutil.disk_usage(point).total:
            found[point] = options
    return dict(list(found.items())[:10])
