"""What a file says about itself, and which manifests are not made."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.library import manifest as server
from webapp.library.manifest import Facts, ManifestError, detect, inspect, instant, manifest
from workers.agent import signed as agent

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FACTS = Facts("linux", "amd64", 10, "0" * 64)
KNOWN = {"kind": "execute_test", "name": "probe", "version": 1, "org": "acme", "now": NOW}


def elf(machine=0x3E, kind=2, osabi=0, order="<"):
    ident = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1, osabi]) + bytes(8)
    return ident + struct.pack(order + "HH", kind, machine) + bytes(40)


def pe(machine=0x8664, traits=0x0022):
    return (
        b"MZ"
        + bytes(58)
        + struct.pack("<I", 64)
        + b"PE\0\0"
        + struct.pack("<H", machine)
        + bytes(16)
        + struct.pack("<H", traits)
    )


def mach_o(cpu=0x01000007, kind=2):
    return struct.pack("<IIII", 0xFEEDFACF, cpu, 3, kind) + bytes(16)


def universal(*cpus):
    return struct.pack(">II", 0xCAFEBABE, len(cpus)) + b"".join(struct.pack(">5I", cpu, 0, 0, 0, 0) for cpu in cpus)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/bin/sh\necho\n", ("any", "any")),
        (b"#! /usr/bin/env python3\n", ("any", "any")),
        (elf(), ("linux", "amd64")),
        (elf(0xB7, kind=3, osabi=3), ("linux", "arm64")),
        (elf(0x03), ("linux", "386")),
        (elf(0x28), ("linux", "arm")),
        (mach_o(), ("darwin", "amd64")),
        (mach_o(0x0100000C), ("darwin", "arm64")),
        (universal(0x01000007, 0x0100000C), ("darwin", "any")),
        (universal(0x0100000C), ("darwin", "arm64")),
        (pe(), ("windows", "amd64")),
        (pe(0xAA64), ("windows", "arm64")),
        (pe(0x014C), ("windows", "386")),
    ],
)
def test_the_first_bytes_tell_where_a_program_runs(head, expected):
    assert detect(head) == expected


def test_a_program_of_this_host_is_known():
    with open("/bin/sh", "rb") as file:
        assert detect(file.read(4096))[0] == "linux"


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"PK\x03\x04", "no program"),
        (b"#!/bin/sh\r\n", "Windows line ends"),
        (b"#!python3\n", "full path"),
        (b"#!/" + b"x" * 200, "longer than 127"),
        (elf(kind=1), "object"),
        (elf(osabi=9), "other than Linux"),
        (elf(0xF7), "processor"),
        (elf(0x3E00, order=">"), "processor"),
        (elf()[:17], "own header"),
        (pe(traits=0x2022), "DLL"),
        (pe(machine=1), "processor"),
        (b"MZ" + bytes(70), "does not go on"),
        (b"MZ", "own header"),
        (mach_o(kind=6), "library"),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x41" + bytes(99), "no program"),
        (universal(0x01000007)[:9], "own header"),
    ],
)
def test_what_no_agent_could_run_is_refused_with_its_reason(head, word):
    with pytest.raises(ManifestError, match=word):
        detect(head)


@given(
    st.binary(max_size=100), st.sampled_from([b"", b"\x7fELF", b"MZ", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe"])
)
def test_any_bytes_get_an_answer_or_a_reason(tail, magic):
    try:
        platform, arch = detect(magic + tail)
    except ManifestError:
        return
    assert platform in server.PLATFORMS
    assert arch in server.ARCHES


def test_a_file_is_measured_and_hashed(tmp_path):
    file = tmp_path / "probe"
    file.write_bytes(b"#!/bin/sh\n")
    assert inspect(file) == Facts("any", "any", 10, hashlib.sha256(b"#!/bin/sh\n").hexdigest())


def test_a_plugin_needs_no_header(tmp_path):
    file = tmp_path / "plugin.zip"
    file.write_bytes(b"PK\x03\x04")
    assert inspect(file, kind="plugin").platform == "any"


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(ManifestError, match="empty"):
        inspect(tmp_path / "empty")


def test_a_file_over_the_limit_is_refused_unread(tmp_path):
    file = tmp_path / "huge"
    with file.open("wb") as opened:
        opened.truncate(server.MAX_SIZE + 1)
    with pytest.raises(ManifestError, match="are allowed"):
        inspect(file)


def test_a_manifest_says_all_that_the_host_checks():
    assert manifest(FACTS, **KNOWN) == {
        "type": "binary",
        "kind": "execute_test",
        "name": "probe",
        "version": 1,
        "org": "acme",
        "platform": "linux",
        "arch": "amd64",
        "size": 10,
        "sha256": "0" * 64,
        "issued_at": "2026-11-21T12:00:00Z",
        "expires_at": "2026-11-28T12:00:00Z",
        "min_agent": "0.1.0",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "execute_command"}, "kind"),
        ({"name": ""}, "name"),
        ({"name": "Probe"}, "name"),
        ({"name": "../probe"}, "name"),
        ({"name": "a" * 101}, "name"),
        ({"name": "probe\n"}, "name"),
        ({"version": 0}, "version"),
        ({"org": ""}, "org"),
        ({"min_agent": "new"}, "min_agent"),
    ],
)
def test_what_is_no_manifest_names_its_field(change, field):
    with pytest.raises(ManifestError) as caught:
        manifest(FACTS, **{**KNOWN, **change})
    assert caught.value.field == field


def test_times_are_written_in_utc():
    assert instant(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T23:00:00Z"


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_server_and_agent_spell_a_document_alike(document):
    assert server.canonical(document) == agent.canonical(document)
