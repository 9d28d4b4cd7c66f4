"""input proc: whether a process is there, and what it uses.

Source: Fluent Bit 5.1.1 plugins/in_proc/in_proc.c.
"""

import os
import re
from collections.abc import Iterable

from pyrolens.api import Input, InputEnv, Log, Record, Source, group, opt, plugin
from pyrolens.inputs._host import Every, Looking, needs_linux, read

SIZES = ("Peak", "Size", "Lck", "HWM", "RSS", "Data", "Stk", "Exe", "Lib", "PTE", "Swap")
LINE = re.compile(r"^Vm(\w+):\s*(\d+) kB$", re.MULTILINE)
LONGEST = 255
"""Bytes of a command that are looked at."""


@plugin("proc")
class Proc(Input):
    """Say whether a process runs, how much memory it has (kB as 1000 bytes), and its open files. Linux only."""

    differs = ("mem.* of a process that is not there is 0; Fluent Bit writes what happens to be in its own memory",)

    proc_name: str = opt("Name of the program, without its folder.")
    alert: bool = opt("Make records only while it does not run.", default=False)
    mem: bool = opt("With its memory.", default=True)
    fd: bool = opt("With the number of its open files.", default=True)
    every: Every = group(Every)

    def open(self, env: InputEnv) -> Source:
        needs_linux("/proc/self/status")

        def look(since: float) -> Iterable[Record]:
            pid = pid_of(self.proc_name)
            if not (self.alert and pid >= 0):
                yield self.record(pid, env.log)

        return Looking(env, self.every.seconds, look)

    def record(self, pid: int, log: Log) -> Record:
        record: Record = {"alive": pid >= 0, "proc_name": self.proc_name, "pid": pid}
        if self.mem:
            sizes = dict(LINE.findall(read_of(pid, log))) if pid >= 0 else {}
            record |= {f"mem.Vm{name}": int(sizes.get(name, 0)) * 1000 for name in SIZES}
        if self.fd:
            record["fd"] = files_of(pid, log) if pid >= 0 else 0
        return record


def pid_of(name: str, proc: str = "/proc") -> int:
    """The first process of that name, in the order in which the shell would list them; -1: none."""
    wanted = os.fsencode(name)
    for pid in sorted(entry for entry in os.listdir(proc) if entry.isdecimal()):
        try:
            with open(f"{proc}/{pid}/cmdline", "rb") as file:
                program = file.read(LONGEST).partition(b"\0")[0]
        except OSError:
            continue
        if program and (program.rstrip(b"/").rpartition(b"/")[2] or b"/") == wanted:
            return int(pid)
    return -1


def read_of(pid: int, log: Log) -> str:
    try:
        return read(f"/proc/{pid}/status")
    except OSError as why:
        log.error("cannot read the memory of the process", pid=pid, reason=why.strerror or str(why))
        return ""


def files_of(pid: int, log: Log) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError as why:
        log.error("cannot count the open files of the process", pid=pid, reason=why.strerror or str(why))
        return 0
