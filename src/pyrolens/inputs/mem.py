"""input mem: how much memory is in use.

Source: Fluent Bit 5.1.1 plugins/in_mem/mem.c, proc.c.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pyrolens.api import Input, InputEnv, Record, Source, group, opt, plugin
from pyrolens.inputs._host import Every, Looking, needs_linux, read

LINE = re.compile(r"^(\w+): +(\d+) kB$", re.MULTILINE)
UNITS = ("b", "K", "M", "G", "T", "P", "E")


@dataclass(frozen=True, kw_only=True)
class EveryWhole(Every):
    """The same, but interval_nsec only comes on top of a whole second."""

    @property
    def seconds(self) -> float:
        return max(self.interval_sec, 1) + max(self.interval_nsec, 0) / 1e9


@plugin("mem")
class Mem(Input):
    """Measure the memory and the swap space of the machine, in KiB, and that of one process. Linux only."""

    differs = ("proc_hr is the size as people read it, such as 24.94M; Fluent Bit writes the address of that text",)

    pid: int = opt("Measure this process, too; 0: none.", default=0)
    every: EveryWhole = group(EveryWhole)

    def open(self, env: InputEnv) -> Source:
        needs_linux("/proc/meminfo")
        pid = self.pid

        def look(since: float) -> Iterable[Record]:
            nonlocal pid
            record = memory()
            if pid:
                try:
                    record |= of_process(pid)
                except (OSError, IndexError):
                    env.log.warning("cannot measure the process, so it is left out from now on", pid=pid)
                    pid = 0
            yield record

        return Looking(env, self.every.seconds, look)


def memory(proc: str = "/proc") -> Record:
    """KiB."""
    found = {key: int(value) for key, value in LINE.findall(read(f"{proc}/meminfo"))}
    record: Record = {}
    for name, total, free in (("Mem", "MemTotal", "MemFree"), ("Swap", "SwapTotal", "SwapFree")):
        all_of_it, unused = found.get(total, 0), found.get(free, 0)
        record |= {f"{name}.total": all_of_it, f"{name}.used": all_of_it - unused, f"{name}.free": unused}
    return record


def of_process(pid: int, proc: str = "/proc") -> Record:
    """Raises: OSError when it is not there."""
    pages = int(read(f"{proc}/{pid}/stat").rpartition(")")[2].split()[21])
    size = pages * os.sysconf("SC_PAGESIZE")
    return {"proc_bytes": size, "proc_hr": readable(size)}


def readable(size: int) -> str:
    power = min((size.bit_length() - 1) // 10, len(UNITS) - 1) if size else 0
    return f"{size / 1024**power:.2f}{UNITS[power]}" if power else f"{size} b"
