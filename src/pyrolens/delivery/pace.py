"""How fast an output may call its destination: slower when it throttles, faster again while calls go well.

Additive increase, multiplicative decrease, as TCP does it: many routers that share one limit end up sharing it fairly.
What is throttled now and then whatever the pace, up to an eighth of the calls, is no limit, and just called again.
Pure: the clock is given.
"""

FIRST = 0.05
"""Seconds between calls after the first throttling answer, if calls came faster than that."""
LONGEST = 10.0
"""Seconds between calls at the most."""
IDLE = 1.0
"""Seconds between calls from which on there was just nothing to send."""
STEP = 1.0
"""Calls per second more for each second that goes well, or a tenth of the rate if that is more."""
FREE = 200.0
"""Calls per second above which the pace is not held any more."""
SLOW = 6.0
"""Calls per second below which each throttled call halves the pace."""
ENOUGH = 3.0
"""Throttled calls that do so above it. Where there is no pace yet, one begins it."""
FORGIVEN = 0.12
"""Of a throttled call, for each call."""


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
        self._count = 0.0
        """Throttled calls that are not forgiven."""

    def wait(self, now: float) -> float:
        """Seconds before a call may start."""
        return 0.0 if self.rate is None else max(self._next - now, 0.0)

    @property
    def patience(self) -> float:
        """Seconds before a call that was throttled is made again."""
        return 1 / (self.rate or self._free / 4)

    @property
    def _free(self) -> float:
        """Calls per second as they have come lately."""
        return min(1 / max(self._gap, 1e-3), 1 / FIRST)

    def started(self, now: float) -> None:
        """A call starts."""
        gap = now - self._last
        self._last = now
        if gap < IDLE:
            # how fast calls have come lately: what the first decrease halves
            self._gap += (gap - self._gap) * 0.3
        if self.rate is not None:
            self._next = max(self._next, now) + 1 / self.rate

    def throttled(self, now: float, share: float = 1.0) -> None:
        """The destination asked for less. Answers to calls of the same moment count once. share: of the call's
        records, where it took the others."""
        if self.rate is not None and now - self._slowed < 1 / self.rate:
            return
        self._forgive()
        self._count += share
        if self._count < (1.0 if self.rate is None or self.rate < SLOW else ENOUGH):
            return
        self.rate = max((self.rate or self._free) / 2, 1 / LONGEST)
        self._slowed = self._sped = now
        self._next = now + 1 / self.rate
        self._count = 0.0

    def went_well(self, now: float) -> None:
        self._forgive()
        if self.rate is None:
            return
        self.rate += max(STEP, self.rate / 10) * min(now - self._sped, 1.0)
        self._sped = now
        if self.rate > FREE:
            self.rate = None

    def _forgive(self) -> None:
        self._count = max(self._count - FORGIVEN, 0.0)
