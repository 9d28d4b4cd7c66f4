"""How long a pattern may take: one that can take very long (danger.py) on any text, the others on texts of a length at
which it is not sure that they take few steps (ways.py), and all of them on long ones.

There is a second in store, which fills up again by a quarter of a second each second: so much a batch can cost at
most. One record may take an eighth of what is left, so however many records were made to take long, each of the others
gets its turn; what is usual for its length, 0.1 ms and 0.25 us for each character, is free and always there. A record
that takes longer counts as not matching, and is written into OVERRUNS for whoever runs the pattern to count and tell.

The engine stays the same, `re`: it looks for signals while it matches, and the handler of SIGALRM raises when time is
up. Measured: stopped 5 to 20 ms late, also within a text of 1 MB; 0.4 us a call, as the timer is left running
between calls. (The regex package has a timeout, but takes 2.8 times as long for an access line, 7 times with timeout.)
The clock on the wall decides when to look, the CPU time of the thread whether it was the matching that took it: a
container may be held back for longer than that.

Only the main thread is stopped, as Python runs signal handlers nowhere else; the router matches there only.
"""

import atexit
import os
import signal
import threading
from collections.abc import Callable
from time import perf_counter, thread_time
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

STORE = 1.0
"""Seconds beyond what is free."""
REFILL = 0.25
"""Seconds that are put into the store each second."""
SHARE = 8
FREE, FREE_OF_EACH = 1e-4, 2.5e-7
"""Seconds for a text, and for each of its characters."""
SHORT = 256
"""Characters in which n**3 ways take a few ms only."""
LONG = 1024
"""Characters in which n**2 ways take a few ms only: as many as a pattern may have in which nothing worse was found."""

OURS = (os.path.dirname(__file__), "<string>")
"""Where it is raised: our code, and what is written by it. Python drops what is raised in a destructor."""

OVERRUNS: dict[str, int] = {}
"""Pattern -> records that took too long, since somebody last took note of it."""


def take_overruns() -> dict[str, int]:
    out = OVERRUNS.copy()
    OVERRUNS.clear()
    return out


class OverBudgetError(Exception):
    """The time is up."""


class Watch:
    """The timer, and what is left in store."""

    __slots__ = ("cpu", "excused", "filled", "fires", "left", "limit", "started")

    def __init__(self) -> None:
        self.left = STORE
        """To be filled up with refill(), between batches."""
        self.filled = 0.0
        self.started = 0.0
        """When the matching that goes on began; 0: there is none."""
        self.limit = 0.0
        self.excused = 0.0
        """Seconds of it that were no matching."""
        self.cpu = -1.0
        """CPU time of the thread when the clock on the wall had passed the limit."""
        self.fires = 0.0
        """When the timer fires; in the past: it does not run."""

    def refill(self) -> None:
        now = perf_counter()
        self.left = min(self.left + (now - self.filled) * REFILL, STORE)
        self.filled = now

    def arm(self, seconds: float) -> None:
        if signal.getsignal(signal.SIGALRM) is not on_alarm:
            signal.signal(signal.SIGALRM, on_alarm)
            # Python takes its handlers away at its end, and the signal would then end the process
            atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
        self.fires = perf_counter() + seconds
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def run(self, call: Callable[[Any], T], argument: Any, limit: float, free: float) -> T:
        """Raises: OverBudgetError."""
        now = perf_counter()
        if not now < self.fires <= now + limit * 1.5:
            if threading.current_thread() is not threading.main_thread():
                return call(argument)
            self.arm(limit)
        try:
            try:
                self.limit, self.excused, self.cpu, self.started = limit, 0.0, -1.0, now
                return call(argument)
            finally:
                self.started = 0.0
        finally:
            # once more, for it may be raised just before the first time
            self.started = 0.0
            over = perf_counter() - now - self.excused - free
            if over > 0:
                if self.left == STORE:
                    self.filled = now
                self.left = max(self.left - over, 0.0)

    def excuse(self, make: Callable[[], T]) -> T:
        """What `make` gives. The time is not the record's that happens to need it first."""
        if not self.started or threading.current_thread() is not threading.main_thread():
            return make()
        started, self.started = self.started, 0.0
        began = perf_counter()
        try:
            return make()
        finally:
            took = perf_counter() - began
            self.excused += took
            # meanwhile the timer may have run out
            self.arm(self.limit)
            self.cpu, self.started = -1.0, started + took

    def on_alarm(self, frame: FrameType | None) -> None:
        if not self.started:
            return
        remaining = self.started + self.limit - perf_counter()
        if remaining > 0:
            self.arm(remaining)
            return
        cpu = thread_time()
        if self.cpu < 0:
            self.cpu = cpu
        elif cpu - self.cpu >= self.limit / 8 and frame is not None and frame.f_code.co_filename.startswith(OURS):
            raise OverBudgetError
        self.arm(max(self.limit / 4, 1e-4))


WATCH = Watch()


def on_alarm(number: int, frame: FrameType | None) -> None:
    WATCH.on_alarm(frame)


def bounded(call: Callable[[str], T], missing: T, pattern: str, short: int) -> Callable[[str], T]:
    """The same function of a text, with the budget. `missing`: what it gives for a text that takes too long. `short`:
    texts of fewer characters need no watch."""

    def run(text: str) -> T:
        if len(text) < short:
            return call(text)
        free = FREE + FREE_OF_EACH * len(text)
        try:
            return WATCH.run(call, text, max(WATCH.left / SHARE, free), free)
        except OverBudgetError:
            OVERRUNS[pattern] = OVERRUNS.get(pattern, 0) + 1
            return missing

    return run


def bounded_which(
    which: Callable[[list[Any]], list[int]], test: Callable[[str], bool]
) -> Callable[[list[Any]], list[int]]:
    """The same for many texts at once; if they take too long together, each by itself with `test`, which is bounded."""

    def run(values: list[Any]) -> list[int]:
        free = FREE * len(values)
        try:
            return WATCH.run(which, values, WATCH.left / SHARE + free, free)
        except OverBudgetError:
            return [n for n, value in enumerate(values) if type(value) is str and test(value)]

    return run
