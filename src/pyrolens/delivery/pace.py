"""How fast an output may call its destination: slower when it throttles, faster again while calls go well.

Additive increase, multiplicative decrease, as TCP does it: many routers that share one limit end up sharing it fairly.
What is throttled now and then whatever the pace is no limit, and just called again: it is the share of the last calls
that counts. Pure: the clock is given.
"""

from math import exp

LONGEST = 10.0
"""Seconds between calls at the most."""
STEP = 0.5
"""Calls per second more for each second that goes well, or a twentieth of the rate if that is more."""
FREE = 200.0
"""Calls per second above which the pace is not held any more."""
LATELY = 20
"""Calls that the share is taken of, later ones weighing more."""
TOLERATED = 0.3
"""Share of throttled calls that does not slow down."""


class Pace:
    def __init__(self) -> None:
        self.rate: float | None = None
        """Calls per second; None: as fast as they come."""
        self._next = 0.0
        """When the next call may start."""
        self._slowed = -LONGEST
        self._sped = 0.0
        self._last = 0.0
        self._made = 1.0
        self._share = 0.0
        """Throttled calls, of those lately."""

    def wait(self, now: float) -> float:
        """Seconds before a call may start."""
        return 0.0 if self.rate is None else max(self._next - now, 0.0)

    @property
    def patience(self) -> float:
        """Seconds before a call that was throttled is made again."""
        return 1 / (self.rate or self._free / 4)

    @property
    def _free(self) -> float:
        """Calls per second as they were made lately."""
        return min(self._made, FREE)

    def started(self, now: float) -> None:
        """A call starts."""
        # those of the last second, more or less
        self._made = self._made * exp(self._last - now) + 1
        self._last = now
        if self.rate is not None:
            self._next = max(self._next, now) + 1 / self.rate

    def throttled(self, now: float, share: float = 1.0) -> None:
        """The destination asked for less. share: of the call's records, where it took the others."""
        self._count(share)
        rate = self.rate or self._free
        # answers to calls of the same moment slow down once
        if self._share < TOLERATED or now - self._slowed < 1 / rate:
            return
        self.rate = max(rate / 2, 1 / LONGEST)
        self._slowed = self._sped = now
        self._next = now + 1 / self.rate
        self._share /= 2

    def went_well(self, now: float) -> None:
        self._count(0.0)
        if self.rate is None:
            return
        self.rate += max(STEP, self.rate / 20) * min(now - self._sped, 1.0)
        self._sped = now
        if self.rate > FREE:
            self.rate = None

    def _count(self, share: float) -> None:
        self._share += (share - self._share) / LATELY
