"""input thermal: temperatures.

Source: Fluent Bit 5.1.1 plugins/in_thermal/in_thermal.c.
"""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pyrolens.api import Input, InputEnv, Log, Record, Source, group, opt, plugin
from pyrolens.inputs._host import Every, Looking, needs_linux, read
from pyrolens.records.regex import Pattern, PatternError, compile_pattern

MOST = 32
"""Devices."""


class Device(NamedTuple):
    name: str
    type: str
    temp: float
    """Degrees Celsius."""


@plugin("thermal")
class Thermal(Input):
    """Read the temperatures of the machine: thermal zones, and without any, the sensors of hwmon. Linux only."""

    differs = ("a machine without thermal devices is told once; Fluent Bit may log an error at each interval",)

    name_regex: str | None = opt("Only devices whose name matches, such as thermal_zone0 or hwmon1.", default=None)
    type_regex: str | None = opt("Only devices whose type matches.", default=None)
    every: Every = group(Every)

    def open(self, env: InputEnv) -> Source:
        needs_linux("/sys/class")
        name = pattern(self.name_regex, "name_regex", env.log)
        type_ = pattern(self.type_regex, "type_regex", env.log)
        before = -1

        def first() -> None:
            list(look(0))

        def look(since: float) -> Iterable[Record]:
            nonlocal before
            there = devices(name, type_)
            if len(there) != before:
                if not there:
                    env.log.warning("there is no thermal device")
                elif before >= 0:
                    env.log.info("the number of thermal devices changed", before=before, now=len(there))
            before = len(there)
            return [device._asdict() for device in there]

        return Looking(env, self.every.seconds, look, first)


def pattern(text: str | None, option: str, log: Log) -> Pattern | None:
    try:
        return compile_pattern(text) if text else None
    except PatternError as why:
        # Fluent Bit starts, too
        log.error("the pattern does not compile; it counts as not given", option=option, reason=why)
        return None


def devices(name: Pattern | None, type_: Pattern | None, root: str = "/sys/class") -> list[Device]:
    """At most MOST, by their names."""
    found = [d for d in zones(name, f"{root}/thermal") if fits(type_, d.type)][:MOST]
    return found or [d for d in sensors(name, f"{root}/hwmon") if fits(type_, d.type)][:MOST]


def zones(name: Pattern | None, folder: str) -> Iterator[Device]:
    for entry in entries(folder, "thermal_zone", name):
        yield from device(entry, f"{folder}/{entry}/type", f"{folder}/{entry}/temp")


def sensors(name: Pattern | None, folder: str) -> Iterator[Device]:
    for entry in entries(folder, "hwmon", name):
        for number in range(10):
            label = f"{entry}_temp{number}_input"
            yield from device(label, f"{folder}/{entry}/name", f"{folder}/{entry}/temp{number}_input")


def entries(folder: str, prefix: str, name: Pattern | None) -> list[str]:
    try:
        there = os.listdir(folder)
    except OSError:
        return []
    return sorted((e for e in there if e.startswith(prefix) and fits(name, e)), key=lambda e: (len(e), e))


def fits(wanted: Pattern | None, text: str) -> bool:
    return wanted is None or wanted.test(text)


def device(name: str, type_: str, temp: str) -> Iterator[Device]:
    """Nothing when it cannot be read: sensors may be there and not answer."""
    try:
        yield Device(name, read(type_).partition("\n")[0], int(read(temp)) / 1000)
    except (OSError, ValueError):
        return
