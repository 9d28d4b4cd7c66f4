"""Real journals for tests, written by systemd's own tool from entries in its export format."""

import ctypes
import subprocess
from pathlib import Path

import pytest

TOOL = next(
    (
        p
        for p in (Path("/lib/systemd/systemd-journal-remote"), Path("/usr/lib/systemd/systemd-journal-remote"))
        if p.exists()
    ),
    None,
)
BOOT = "00000000000000000000000000000001"


def _there() -> bool:
    try:
        ctypes.CDLL("libsystemd.so.0")
    except OSError:
        return False
    return TOOL is not None


needs_journal = pytest.mark.skipif(
    not _there(), reason="libsystemd or systemd-journal-remote (Debian's package of that name) is not there"
)


def entry(number: int, seconds: float | None = None, *more: str, unit: str | None = "web.service") -> bytes:
    """One entry. `more`: further FIELD=VALUE."""
    us = int((seconds if seconds is not None else 1_700_000_000 + number) * 1_000_000)
    fields = [f"__REALTIME_TIMESTAMP={us}", f"__MONOTONIC_TIMESTAMP={1000000 + number}", f"_BOOT_ID={BOOT}"]
    fields += [f"MESSAGE=line {number}", *([f"_SYSTEMD_UNIT={unit}"] if unit else []), f"_PID={100 + number}", *more]
    return "\n".join([*fields, "", ""]).encode()


def write(folder: Path, *entries: bytes, name: str = "remote-test.journal") -> None:
    """Append entries to a journal of the folder."""
    folder.mkdir(exist_ok=True)
    assert TOOL is not None
    command = [str(TOOL), "-o", str(folder / name), "-"]
    done = subprocess.run(command, input=b"".join(entries), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def rotate(folder: Path, to: str) -> None:
    """What journald does with a file that is full: it gets another name, and a new one is begun."""
    (folder / "remote-test.journal").rename(folder / to)
