"""Outputs that people read: so many messages in a while, and a digest of the records beyond that."""

MINUTE = 60.0
CUT = 180
"""Bytes of a record in a digest."""


class Rate:
    """So many messages in a time: a bucket that fills evenly."""

    def __init__(self, limit: int, seconds: float = MINUTE) -> None:
        self.limit = limit
        """0: none."""
        self.seconds = seconds
        self.left = float(limit)
        self.since = 0.0

    def take(self, now: float) -> float:
        """0 and one message may go, or the seconds until then."""
        if not self.limit:
            return 0.0
        self.left = min(self.limit, self.left + (now - self.since) * self.limit / self.seconds)
        self.since = now
        if self.left < 1.0 - 1e-9:
            return (1.0 - self.left) * self.seconds / self.limit
        self.left -= 1.0
        return 0.0


class Digest:
    """The records that were held back: how many, and the first of them."""

    def __init__(self, shown: int) -> None:
        self.shown = shown
        self.count = 0
        self.first: list[bytes] = []

    def add(self, lines: list[bytes], count: int | None = None) -> None:
        self.count += len(lines) if count is None else count
        self.first += lines[: max(self.shown - len(self.first), 0)]

    def text(self) -> bytes:
        if not self.count:
            return b""
        shown = [line[:CUT].rstrip(b"\n") + b"\n" for line in self.first]
        title = f"{self.count} records were held back by rate_limit{', the first of them:' if shown else '.'}\n"
        return title.encode() + b"".join(shown)
