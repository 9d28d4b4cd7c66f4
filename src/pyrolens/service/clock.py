"""What time it is, and what is to be done later. A rehearsal has one of its own, which nobody has to wait for."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """ns since the epoch."""

    def steady(self) -> int:
        """ns since some moment; it never goes back."""

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call once after some time. Returns what cancels it."""


class SystemClock:
    """The time of this machine, and the timers of the running loop."""

    now = staticmethod(time.time_ns)
    steady = staticmethod(time.monotonic_ns)

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(seconds, call).cancel


SYSTEM = SystemClock()
