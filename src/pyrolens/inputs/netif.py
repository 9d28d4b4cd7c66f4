"""input netif: what goes over a network interface.

Source: Fluent Bit 5.1.1 plugins/in_netif/in_netif.c.
"""

from collections.abc import Iterable

from pyrolens.api import ConfigError, Input, InputEnv, Problem, Record, Source, group, opt, plugin
from pyrolens.inputs._host import Every, Looking, needs_linux, read

COUNTERS = (
    "rx.bytes", "rx.packets", "rx.errors", "rx.drop", "rx.fifo", "rx.frame", "rx.compressed", "rx.multicast",
    "tx.bytes", "tx.packets", "tx.errors", "tx.drop", "tx.fifo", "tx.collisions", "tx.carrier", "tx.compressepd",
)  # fmt: skip
"""In the order of /proc/net/dev, and spelt as Fluent Bit spells them."""
USUAL = frozenset({"rx.bytes", "rx.packets", "rx.errors", "tx.bytes", "tx.packets", "tx.errors"})


@plugin("netif")
class Netif(Input):
    """Count what goes over a network interface between two looks. The first look is not told. Linux only."""

    differs = (
        "an interface of just that name counts before one whose name only begins so",
        "counters that begin at 0 again, as those of an interface that was replaced, do not make a number near 2^64",
    )

    interface: str = opt("Name of the interface, such as eth0.")
    verbose: bool = opt("All of the kernel's counters.", default=False)
    test_at_init: bool = opt("Refuse to start when the interface is not there.", default=False)
    every: Every = group(Every)

    def open(self, env: InputEnv) -> Source:
        needs_linux("/proc/net/dev")
        before: list[int] | None = None
        started = False

        def first() -> None:
            nonlocal before, started
            there = interfaces()
            if self.test_at_init and not started and found(there, self.interface) is None:
                names = ", ".join(there)
                message = f"input netif: interface is '{self.interface}', which is not there: expected one of {names}"
                raise ConfigError([Problem("no-interface", message)])
            before, started = None, True

        def look(since: float) -> Iterable[Record]:
            nonlocal before
            now = found(interfaces(), self.interface) or before or [0] * len(COUNTERS)
            if before is not None:
                yield self.record(before, now)
            before = now

        return Looking(env, self.every.seconds, look, first)

    def record(self, before: list[int], now: list[int]) -> Record:
        return {
            f"{self.interface}.{name}": new - old if new >= old else new
            for name, old, new in zip(COUNTERS, before, now, strict=True)
            if self.verbose or name in USUAL
        }


def interfaces(proc: str = "/proc") -> dict[str, list[int]]:
    """The counters of each."""
    out: dict[str, list[int]] = {}
    for line in read(f"{proc}/net/dev").splitlines():
        name, colon, rest = line.partition(":")
        numbers = rest.split()
        if colon and len(numbers) == len(COUNTERS):
            out[name.strip()] = [int(number) for number in numbers]
    return out


def found(there: dict[str, list[int]], name: str) -> list[int] | None:
    """Of the interface, else of the last one whose name begins so."""
    if name in there:
        return there[name]
    return next((there[other] for other in reversed(there) if other.startswith(name)), None)
