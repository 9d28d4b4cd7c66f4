"""When to send again, and when to give up. Pure: no clock, no I/O."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Source: Fluent Bit 5.1.1, src/flb_scheduler.c (backoff_full_jitter) and src/flb_output.c (Retry_Limit)."""

    limit: int | None = 1
    """Retries before a chunk is given up; None: never."""
    base: float = 5.0
    """Seconds."""
    cap: float = 2000.0
    """Seconds."""

    def gives_up(self, attempt: int) -> bool:
        """After so many calls."""
        return self.limit is not None and attempt > self.limit

    def wait(self, attempt: int, after: float | None, draining: bool) -> float:
        """Seconds before the next call: exponential with full jitter above the base. A wait that the destination
        asked for is kept. While the router stops there is no time for long waits."""
        if draining:
            return min(after, 1.0) if after is not None else 1.0
        if after is not None:
            return max(after, 0.0)
        highest = min(self.cap, self.base * 2 ** min(attempt, 32))
        return random.uniform(min(self.base, highest), highest)


def read_retry_limit(text: str | None, default: int | None = 1) -> int | None:
    """Retry_Limit as Fluent Bit reads it: no_limits and false mean never give up, no_retries means 0, and whatever is
    no positive number means 1."""
    if text is None:
        return default
    word = text.strip().lower()
    if word in ("no_limits", "false", "off", "no"):
        return None
    if word == "no_retries":
        return 0
    try:
        number = int(word)
    except ValueError:
        return 1
    return number if number > 0 else 1
