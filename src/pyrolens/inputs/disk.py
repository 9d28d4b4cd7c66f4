"""input disk: how much is read from and written to disks.

Source: Fluent Bit 5.1.1 plugins/in_disk/in_disk.c.
"""

from collections.abc import Iterable

from pyrolens.api import ConfigError, Input, InputEnv, Problem, Record, Source, group, opt, plugin
from pyrolens.inputs._host import Every, Looking, needs_linux, read

SECTOR = 512
"""Bytes, whatever the disk's own are."""

Totals = dict[str, tuple[int, int]]
"""By device: sectors read and written since it is there."""


@plugin("disk")
class Disk(Input):
    """Measure the bytes read from and written to disks between two looks. The first one is not told. Linux only.

    Without dev_name it is the sum of all devices that the kernel lists, of disks as well as of their partitions."""

    differs = ("a disk that comes or goes does not change what is told of the others",)

    dev_name: str | None = opt("Only devices with this text in their names.", default=None)
    every: Every = group(Every)

    def open(self, env: InputEnv) -> Source:
        needs_linux("/proc/diskstats")
        before: Totals | None = None

        def first() -> None:
            nonlocal before
            if not totals(""):
                raise ConfigError([Problem("no-disk", "input disk: /proc/diskstats names no disk")])
            before = None

        def look(since: float) -> Iterable[Record]:
            nonlocal before
            now = totals(self.dev_name or "")
            if before is not None:
                yield difference(before, now)
            before = now

        return Looking(env, self.every.seconds, look, first)


def totals(name: str, proc: str = "/proc") -> Totals:
    fields = [line.split() for line in read(f"{proc}/diskstats").splitlines()]
    return {f[2]: (int(f[5]), int(f[9])) for f in fields if len(f) > 9 and name in f[2]}


def difference(before: Totals, now: Totals) -> Record:
    """Bytes. A device that counts from 0 again was replaced."""
    read_, written = 0, 0
    for name, (reads, writes) in now.items():
        was_read, was_written = before.get(name, (reads, writes))
        read_ += reads - was_read if reads >= was_read else reads
        written += writes - was_written if writes >= was_written else writes
    return {"read_size": read_ * SECTOR, "write_size": written * SECTOR}
