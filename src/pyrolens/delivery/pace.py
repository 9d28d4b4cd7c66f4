"""How fast an output may call its destination: slower at each throttling answer, faster again while calls go well.

Additive increase, multiplicative decrease, as TCP does it: many routers that share one limit end up sharing it fairly.
Pure: the clock is given.
"""

FIRST = 0.05
"""Seconds between calls after the first throttling answer, if calls came faster than that."""
LONGEST = 10.0
"""Seconds between calls at the most."""
IDLE = 1.0
"""Seconds between calls from which on there was just nothing to send."""
STEP = 1.0
"""Calls per second more for each second that goes well."""
FREE = 200.0
"""Calls per second above which the pace is not held any more."""


class Pace:
    def __init__(self) -> None:
        self.rate: float | None = None
        """Calls per second; None: as fast as they come."""
        self._next = 0.0
        """When the next call may start."""
        self._slowed = 0.0
        self._sped = 0.0
        self._gap = FIRST
        self._last = 0.0

    def wait(self, now: float) -> float:
        """Seconds before a call may start."""
        return 0.0 if self.rate is None else max(self._next - now, 0.0)

    def started(self, now: float) -> None:
        """A call starts."""
        gap = now - self._last
        self._last = now
        if gap < IDLE:
            # how fast calls have come lately: what the first throttling answer halves
            self._gap += (gap - self._gap) * 0.3
        if self.rate is not None:
            self._next = max(self._next, now) + 1 / self.rate

    def throttled(self, now: float) -> None:
        """The destination asked for less. Answers to calls of the same moment count once."""
        if self.rate is None:
            self.rate = min(1 / max(self._gap, 1e-3), 1 / FIRST) / 2
        elif now - self._slowed >= 1 / self.rate:
            self.rate = max(self.rate / 2, 1 / LONGEST)
        else:
            return
        self._slowed = self._sped = now
        self._next = now + 1 / self.rate

    def went_well(self, now: float) -> None:
        if self.rate is None:
            return
        self.rate += STEP * min(now - self._sped, 1.0)
        self._sped = now
        if self.rate > FREE:
            self.rate = None
