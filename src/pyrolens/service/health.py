"""Is the router healthy: do its outputs fail more than the health check allows?

Source: Fluent Bit 5.1.1 src/http_server/api/v1/health.c, flb_hs.c: the counters are noted once a second; the newest
note is compared with the oldest of the last HC_Period notes, and more than the allowed number makes it unhealthy.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class Failures(Protocol):
    """Of an output."""

    name: str
    errors: int
    retries_failed: int


@dataclass(frozen=True, slots=True)
class State:
    healthy: bool
    errors: int
    """Within the period."""
    retries_failed: int


class Health:
    def __init__(self, errors_allowed: int, retry_failures_allowed: int, period: float) -> None:
        self.errors_allowed = errors_allowed
        self.retry_failures_allowed = retry_failures_allowed
        self.period = max(int(period), 1)
        """Seconds, which are notes."""
        self._notes: deque[dict[str, tuple[int, int]]] = deque(maxlen=self.period)
        """Errors and chunks given up, by output."""

    def go_on(self, old: "Health") -> None:
        """With what that one has seen."""
        self._notes.extend(old._notes)

    def note(self, outputs: Iterable[Failures]) -> None:
        """To be called once a second."""
        self._notes.append({o.name: (o.errors, o.retries_failed) for o in outputs})

    def state(self) -> State:
        each = self.each().values()
        errors, failed = sum(e for e, _ in each), sum(f for _, f in each)
        return State(errors <= self.errors_allowed and failed <= self.retry_failures_allowed, errors, failed)

    def each(self) -> dict[str, tuple[int, int]]:
        """Errors and chunks given up within the period, by output."""
        if not self._notes:
            return {}
        now, then = self._notes[-1], self._notes[0]
        return {name: (e - then.get(name, (0, 0))[0], f - then.get(name, (0, 0))[1]) for name, (e, f) in now.items()}
