"""A clock that goes on only when it is told to, and then at once."""

import heapq
from collections.abc import Callable
from itertools import count

from pyrolens.records.event import SECOND

Call = Callable[[], None]


class VirtualClock:
    """See service.clock.Clock."""

    def __init__(self, ns: int) -> None:
        self.ns = ns
        self._timers: list[tuple[int, int, list[Call]]] = []
        """(when, in the order they were set, what to call; nothing once it was cancelled)"""
        self._numbers = count()

    def now(self) -> int:
        return self.ns

    steady = now

    def later(self, seconds: float, call: Call) -> Call:
        calls = [call]
        heapq.heappush(self._timers, (self.ns + max(round(seconds * SECOND), 0), next(self._numbers), calls))
        return calls.clear

    def until(self, ns: int, run: Callable[[Call], None]) -> None:
        """Go on to that time, and run what is due on the way, each at its own time."""
        while self._timers and self._timers[0][0] <= ns:
            when, _, calls = heapq.heappop(self._timers)
            self.ns = max(self.ns, when)
            for call in calls:
                run(call)
        self.ns = max(self.ns, ns)
