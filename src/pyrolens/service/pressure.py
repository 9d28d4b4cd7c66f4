"""When inputs stop reading for the sake of the whole router: memory_limit, a disk that takes nothing, and
storage.pause_on_chunks_overlimit."""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pyrolens.delivery.delivery import Delivery
from pyrolens.delivery.memory import Memory
from pyrolens.plugin import Log
from pyrolens.service.intake import InputRuntime

PART = 0.8
"""Of a container's memory: what the router may take of it."""
LEAST = 4 * 1024 * 1024
"""Bytes that may wait in memory, however small the container is."""
SOFT, LOW = 0.75, 0.6
"""Of memory_limit: where those begin to wait who have more than their part of it, and where all go on."""
QUIET = 10.0
"""Seconds that the disk takes all before that is said."""
MEMORY = "memory_limit is reached"
OVER = "an output has more waiting than storage.max_chunks_up has room for"
DISK = "the disk takes nothing"


class Pressure:
    """All inputs of a router, and what makes them wait."""

    def __init__(self, memory: Memory, limit: int, log: Log) -> None:
        """`limit`: bytes; 0: none."""
        self.memory = memory
        self.limit = limit
        self.log = log
        self.inputs: Sequence[InputRuntime] = ()
        self.deliveries: Mapping[str, Delivery] = {}
        self._soft = int(limit * SOFT) if limit else 1 << 62
        self._held: dict[InputRuntime, None] = {}
        """Those that wait for memory."""
        self._over: dict[InputRuntime, None] = {}
        """Those that wait until no output has anything on disk."""
        self._troubled: set[str] = set()
        """Who cannot write to the disk."""
        self._told = False
        """It was said that the disk takes nothing, and not yet that it does again."""
        self._well_since = 0.0
        self._easing = False

    def begin(
        self, inputs: Sequence[InputRuntime], deliveries: Mapping[str, Delivery], before: "Pressure | None" = None
    ) -> None:
        """From now on it is the one that counts. `before`: the one that was, until the config was loaded again."""
        self.inputs, self.deliveries = inputs, deliveries
        self.memory.eased = self._eased
        if before is not None:
            self._held = {each: None for each in before._held if each in inputs}
            self._over = {each: None for each in before._over if each in inputs}
            self._troubled, self._told, self._well_since = before._troubled, before._told, before._well_since
            self.memory.low = int(self.limit * LOW) if self._held else -1
            if self._held and not self.limit:
                self.memory.low = self.memory.used
                self._eased()
            for each in inputs if self._troubled else ():
                each.hold(DISK)

    @property
    def full(self) -> bool:
        """Nothing more should be taken in for now."""
        return self.memory.used >= self._soft or bool(self._troubled)

    def after(self, env: InputRuntime) -> None:
        if env.pauses_over_limit and self.memory.spooling:
            self._over[env] = None
            env.hold(OVER, outputs=len(self.memory.spooling))
        if self.memory.used >= self._soft:
            self._press(env)
        if self._troubled:
            env.hold(DISK)

    def _press(self, env: InputRuntime) -> None:
        """Who has more than his part of what waits stops first; at the limit all do."""
        used = self.memory.used
        if used >= self.limit:
            held: Iterable[InputRuntime] = self.inputs
        elif env.metrics.unsettled * len(self.inputs) >= sum(i.metrics.unsettled for i in self.inputs):
            held = [env]
        else:
            return
        self.memory.low = int(self.limit * LOW)
        for each in held:
            if each not in self._held:
                self._held[each] = None
                each.hold(MEMORY, used=used, limit=self.limit)

    def _eased(self) -> None:
        if not self._easing and (self._held or self._over):
            self._easing = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._easing = False
        if self.memory.used <= self.memory.low or not self._held:
            self.memory.low = -1
            # who has least of what waits comes first
            held, self._held = sorted(self._held, key=lambda each: each.metrics.unsettled), {}
            for each in held:
                each.let_go(MEMORY)
        if not self.memory.spooling:
            over, self._over = self._over, {}
            for each in over:
                each.let_go(OVER)

    def trouble(self, who: str, why: OSError | None) -> None:
        """`who` cannot write to the disk, or with None can again."""
        if why is None:
            if who in self._troubled:
                self._troubled.discard(who)
                self._well_since = asyncio.get_running_loop().time()
                for each in self.inputs if not self._troubled else ():
                    each.let_go(DISK)
            return
        if not self._told:
            self._told = True
            self.log.error(
                "the disk takes nothing, so inputs stop reading until it does; nothing that was acknowledged is lost",
                who=who,
                reason=why.strerror or str(why),
                hint="make room below storage.path",
            )
        self._troubled.add(who)
        for each in self.inputs:
            each.hold(DISK)

    def tend(self, *, last: bool = False) -> None:
        """To be called every now and then, and once more at the end. A disk that is full at its brim takes a little
        and then nothing, again and again: that is told once."""
        well = self._told and not self._troubled
        if well and (last or asyncio.get_running_loop().time() - self._well_since >= QUIET):
            self._told = False
            self.log.info("the disk takes what is stored again, and inputs read on")

    def make_room(self, owner: object, size: int) -> tuple[int, int]:
        """Of an input with storage.type memrb: see intake.Ring."""
        chunks = dropped = 0
        while dropped < size:
            gone = next((c for d in self.deliveries.values() if (c := d.drop_oldest(owner)) is not None), None)
            if gone is None:
                break
            chunks += 1
            dropped += gone.size
        return chunks, dropped


def limit_of_container(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes of memory that the kernel gives this process and those beside it (cgroup v2, then v1); 0: any."""
    found = []
    for line in _read(own).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            found += _upward(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            found += _upward(root / "memory", path, "memory.limit_in_bytes")
    # inside of a container its own group is the root
    found += [_read(root / "memory.max"), _read(root / "memory" / "memory.limit_in_bytes")]
    limits = [int(text) for text in found if text.strip().isdecimal()]
    # v1 says a number near 2^63 for none
    return min((limit for limit in limits if limit < 1 << 60), default=0)


def _upward(root: Path, path: str, name: str) -> list[str]:
    """The file in a group and in all above it."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return [_read(root.joinpath(*parts[:n], name)) for n in range(len(parts), -1, -1)]


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""


def resident() -> int:
    """Bytes of memory that this process has now; 0 where the system does not say."""
    fields = _read(Path("/proc/self/statm")).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def memory_limit(said: int | None, container: int, baseline: int) -> int:
    """Bytes that may wait in memory; 0: any. `baseline`: what the router takes when nothing waits."""
    if said is not None:
        return said
    return max(int(container * PART) - baseline, LEAST) if container else 0
