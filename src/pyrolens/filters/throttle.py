"""filter throttle.

Source: plugins/filter_throttle (Fluent Bit 5.1.1): a ring of panes, one more at every interval; records pass while
the mean of the panes is below the rate.
"""

import math
import re

from pyrolens.api import Event, Filter, FilterEnv, Transform, opt, plugin
from pyrolens.records.event import SECOND

DEFAULT_RATE, DEFAULT_WINDOW = 1.0, 5
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def read_interval(text: str) -> float | None:
    """Seconds, or None where Fluent Bit falls back to one second."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+\.)([smhd]?)", text)
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    return seconds if seconds > 0 else None


@plugin("throttle")
class Throttle(Filter):
    """Let only so many records pass in an interval, on the average over some intervals; drop the others."""

    stateful = True
    differs = ("an interval of a part of a second is kept; Fluent Bit makes it none and lets its clock run wild",)

    rate: float = opt("Records per interval.", default=DEFAULT_RATE)
    window: int = opt("Intervals that the average is taken over.", default=DEFAULT_WINDOW)
    interval: str = opt("Length of an interval, such as 1s, 1.5m, 1h or 1d.", default="1")
    print_status: bool = opt("Say at every interval what rate and limit are.", default=False)

    def compile(self, env: FilterEnv) -> Transform:
        rate = self.rate if self.rate > 1.0 else DEFAULT_RATE
        window = self.window if self.window > 1 else DEFAULT_WINDOW
        seconds = read_interval(self.interval)
        if seconds is None:
            env.log.warning("interval is no time; one second is taken", interval=self.interval)
            seconds = 1.0
        most = math.ceil(rate * window)
        length = max(int(seconds * SECOND), 1)
        panes = [0] * window
        now = 0
        began = env.now()

        def turn() -> None:
            """Begin a new pane for every interval that has passed."""
            nonlocal now
            due = (env.now() - began) // length
            for pane in range(max(now + 1, due - window + 1), due + 1):
                panes[pane % window] = 0
            if self.print_status and due > now:
                env.log.info("status", limit=rate, interval=self.interval, window=window, rate=sum(panes) // window)
            now = max(now, due)

        def throttle(tag: str, events: list[Event]) -> list[Event]:
            turn()
            passed = events[: max(most - sum(panes), 0)]
            panes[now % window] += len(passed)
            return passed

        return throttle
