"""Windows of time over which a query counts.

Source: Fluent Bit 5.1.1, src/stream_processor/flb_sp.c (flb_sp_fd_event, sp_process_hopping_slot), flb_sp_window.c.
Differs: a hopping window of a TAG is what its name says; in Fluent Bit it comes too rarely and grows.
"""

from collections import deque

from pyrolens.sql.groups import Groups, Query
from pyrolens.sql.nodes import Window


class Panes:
    """The windows of one query. Times are ns of any clock that does not jump.

    They are cut into panes wherever a window begins or ends, so each record is counted once and no record is kept."""

    def __init__(self, query: Query, window: Window, origin: int) -> None:
        """`origin`: when the first window begins."""
        self.query = query
        self.size, self.advance = window.size * 10**9, window.advance * 10**9
        self.origin = origin
        self.panes: deque[tuple[int, Groups]] = deque()
        """When each began, and what it has seen; the running one is the last."""
        self.next = 0
        """When the running pane ends."""

    @property
    def empty(self) -> bool:
        return not self.panes

    def open(self, now: int) -> Groups:
        """The running pane. What has ended before must have been taken with `close`."""
        if not self.panes:
            self.panes.append((self._before(now), Groups(self.query)))
            self.next = self._after(now)
        return self.panes[-1][1]

    def close(self, now: int) -> list[Groups]:
        """The windows that have ended, the oldest first; a window that saw nothing is not among them."""
        ended: list[Groups] = []
        while self.panes and self.next <= now:
            end = self.next
            if self._ends_window(end) and (whole := self.rest(end)).all:
                ended.append(whole)
            # what the next window still needs
            least = self._next_window_end(end) - self.size
            while self.panes and (self.panes[0][0] < least or not self.panes[0][1].all):
                self.panes.popleft()
            if self.panes:
                self.panes.append((end, Groups(self.query)))
                self.next = self._after(end)
        return ended

    def rest(self, end: int) -> Groups:
        """What a window that ends then has seen."""
        whole = Groups(self.query)
        for begin, groups in self.panes:
            if begin >= end - self.size:
                whole.join(groups)
        return whole

    def _ends_window(self, at: int) -> bool:
        since = at - self.origin - self.size
        return since >= 0 and since % self.advance == 0

    def _next_window_end(self, now: int) -> int:
        first = self.origin + self.size
        return first if now < first else first + ((now - first) // self.advance + 1) * self.advance

    def _before(self, now: int) -> int:
        """Where the pane of that moment begins."""
        origin = self.origin
        begins = origin + (now - origin) // self.advance * self.advance
        last_end = self._next_window_end(now) - self.advance
        return max(begins, last_end) if last_end >= origin + self.size else begins

    def _after(self, now: int) -> int:
        """Where the pane of that moment ends."""
        origin = self.origin
        return min(origin + ((now - origin) // self.advance + 1) * self.advance, self._next_window_end(now))
