"""input cpu: how busy the processors are.

Source: Fluent Bit 5.1.1 plugins/in_cpu/cpu.c, cpu.h.
"""

import os
from collections.abc import Iterable

from pyrolens.api import Input, InputEnv, Record, Source, group, opt, plugin
from pyrolens.inputs._host import Every, Looking, needs_linux, read

Times = dict[str, tuple[int, int]]
"""By processor, "" for all of them: ticks in user space and in the kernel."""


@plugin("cpu")
class Cpu(Input):
    """Measure the CPU time of the machine and of each processor, or of one process, in percent. Linux only."""

    differs = (
        "the shares are of the time that really passed, so a look that comes late shows no peak",
        "a processor has its own number also when one before it is offline",
    )

    pid: int = opt("Measure only this process; below 0: the machine.", default=-1)
    every: Every = group(Every)

    def open(self, env: InputEnv) -> Source:
        needs_linux("/proc/stat")
        load = Load(self.pid)
        # a process 0 is none, but Fluent Bit starts with it
        return Looking(env, self.every.seconds, load.look, load.begin if self.pid else lambda: None)


class Load:
    def __init__(self, pid: int, proc: str = "/proc") -> None:
        self.pid = pid
        self.proc = proc
        self.second = float(os.sysconf("SC_CLK_TCK"))
        """Ticks of one."""
        self.before: Times = {}

    def begin(self) -> None:
        self.before = self._now()

    def look(self, since: float) -> Iterable[Record]:
        now, before = self._now(), self.before
        self.before = now
        processors = (os.cpu_count() or 1) if self.pid >= 0 else max(len(now) - 1, 1)
        record: Record = {}
        for name, (user, system) in now.items():
            was_user, was_system = before.get(name, (user, system))
            share = 100 / self.second / since / (1 if name else processors)
            keys = (f"{name}.p_cpu", f"{name}.p_user", f"{name}.p_system") if name else ("cpu_p", "user_p", "system_p")
            spent = (user + system - was_user - was_system, user - was_user, system - was_system)
            for key, ticks in zip(keys, spent, strict=True):
                record[key] = abs(ticks) * share
        yield record

    def _now(self) -> Times:
        if self.pid >= 0:
            fields = read(f"{self.proc}/{self.pid}/stat").rpartition(")")[2].split()
            return {"": (int(fields[11]), int(fields[12]))}
        times: Times = {}
        for line in read(f"{self.proc}/stat").splitlines():
            if not line.startswith("cpu"):
                break
            name, user, nice, system = line.split()[:4]
            times["" if name == "cpu" else name] = (int(user) + int(nice), int(system))
        return times
