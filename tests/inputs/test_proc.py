"""Processes."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyrolens.inputs._host import Looking
from pyrolens.inputs.proc import Proc, pid_of
from tests.inputs.lent import Lent
from tests.inputs.looking import QUICK, looked

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="there is no /proc here")
KEYS = [
    "alive", "proc_name", "pid", "mem.VmPeak", "mem.VmSize", "mem.VmLck", "mem.VmHWM", "mem.VmRSS", "mem.VmData",
    "mem.VmStk", "mem.VmExe", "mem.VmLib", "mem.VmPTE", "mem.VmSwap", "fd",
]  # fmt: skip
"""Recorded from Fluent Bit."""


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of a name that no other has."""
    name = f"sleeper-{os.getpid()}"
    shutil.copy(shutil.which("sleep") or "sleep", tmp_path / name)
    process = subprocess.Popen([str(tmp_path / name), "600"])
    # it runs a moment before the kernel says under which name
    while name.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
        pass
    yield process
    process.kill()
    process.wait()


def test_one_that_runs_and_then_does_not(sleeper: "subprocess.Popen[bytes]") -> None:
    name = f"sleeper-{os.getpid()}"
    seen: list[int] = []

    def end() -> None:
        seen.append(1)
        if len(seen) == 3:
            sleeper.kill()
            sleeper.wait()

    env = looked(Proc(proc_name=name, every=QUICK), 5, end)
    first, last = env.records[0], env.records[-1]
    assert list(first) == list(last) == KEYS
    assert (first["alive"], first["pid"]) == (True, sleeper.pid)
    assert first["mem.VmRSS"] % 1000 == 0
    assert first["mem.VmPeak"] >= first["mem.VmRSS"] > 100_000
    assert first["fd"] >= 3
    assert last == dict.fromkeys(KEYS, 0) | {"alive": False, "proc_name": name, "pid": -1}


def test_only_while_it_is_not_there(sleeper: "subprocess.Popen[bytes]") -> None:
    plan = Proc(proc_name=f"sleeper-{os.getpid()}", alert=True, mem=False, fd=False, every=QUICK)
    source = plan.open(Lent())
    assert isinstance(source, Looking)
    assert list(source.look(1.0)) == []
    sleeper.kill()
    sleeper.wait()
    assert looked(plan).records[0] == {"alive": False, "proc_name": plan.proc_name, "pid": -1}


def test_the_name_is_that_of_the_program(tmp_path: Path) -> None:
    for pid, command in (("9", b""), ("12", b"/bin/other\0web\0"), ("100", b"/usr/bin/web\0-x\0"), ("20", b"web\0")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes(command)
    (tmp_path / "self").mkdir()
    (tmp_path / "77").mkdir()
    assert pid_of("web", str(tmp_path)) == 100, "in the order of their names"
    assert pid_of("-x", str(tmp_path)) == -1
    assert pid_of("we", str(tmp_path)) == -1
