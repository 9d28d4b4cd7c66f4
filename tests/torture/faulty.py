"""`pyrolens run` with a disk that fails, dawdles or ends the process, and a clock that jumps, as a file says.

python -m tests.torture.faulty FAULTS.json run -c CONFIG
"""

import errno
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pyrolens.store import folder
from pyrolens.store.disk import Disk

LOOK = 0.05
"""Seconds between two looks at the file."""

monotonic, real_time, real_time_ns, real_truncate = time.monotonic, time.time, time.time_ns, os.ftruncate


class Faults:
    """What goes wrong now: {"fail": [chance, name of errno], "slow": [chance, seconds], "die": chance, "clock": s}"""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: dict[str, Any] = {}
        self.looked = 0.0

    def now(self) -> dict[str, Any]:
        if monotonic() - self.looked > LOOK:
            self.looked = monotonic()
            try:
                self.said = json.loads(self.path.read_text())
            except (OSError, ValueError):
                pass  # it is being written
        return self.said

    def error(self) -> OSError | None:
        """That of a call which fails."""
        chance, name = self.now().get("fail", (0, "EIO"))
        number = getattr(errno, name)
        return OSError(number, os.strerror(number)) if random.random() < chance else None

    def wait(self) -> None:
        chance, seconds = self.now().get("slow", (0, 0))
        if random.random() < chance:
            time.sleep(seconds)

    @property
    def dies(self) -> bool:
        return bool(random.random() < self.now().get("die", 0))

    @property
    def clock(self) -> float:
        return float(self.now().get("clock", 0.0))


class FaultyDisk(Disk):
    faults: Faults

    def _meet(self) -> None:
        self.faults.wait()
        if self.faults.dies:
            end()
        if why := self.faults.error():
            raise why

    def create(self, path: Path) -> int:
        self._meet()
        return super().create(path)

    def extend(self, path: Path) -> int:
        self._meet()
        return super().extend(path)

    def open(self, path: Path) -> int:
        self._meet()
        return super().open(path)

    def append(self, fd: int, parts: list[bytes]) -> None:
        self.faults.wait()
        data = b"".join(parts)
        why, dies = self.faults.error(), self.faults.dies
        if why is not None or dies:
            # a part of it is there: none, some, or all
            super().append(fd, [data[: random.randrange(len(data) + 1)]])
        if dies:
            end()
        if why is not None:
            raise why
        super().append(fd, parts)
        if self.faults.dies:
            end()

    def read(self, fd: int, size: int, at: int) -> bytes:
        self._meet()
        return super().read(fd, size, at)

    def sync(self, fd: int) -> None:
        self._meet()
        super().sync(fd)
        if self.faults.dies:
            end()

    def sync_folder(self, path: Path) -> None:
        self._meet()
        super().sync_folder(path)


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(path: str, argv: list[str]) -> int:
    faults = FaultyDisk.faults = Faults(Path(path))

    def truncate(fd: int, size: int) -> None:
        if why := faults.error():
            raise why
        real_truncate(fd, size)

    vars(folder)["Disk"] = FaultyDisk
    os.ftruncate = truncate
    time.time = lambda: real_time() + faults.clock
    time.time_ns = lambda: real_time_ns() + int(faults.clock * 1e9)
    from pyrolens.cli import main as run

    return run(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
