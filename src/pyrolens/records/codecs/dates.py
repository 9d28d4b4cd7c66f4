"""The date that outputs put into a record (json_date_format)."""

import time
from collections.abc import Callable
from functools import lru_cache

from pyrolens.records.event import SECOND

DATE_FORMATS = ("double", "iso8601", "epoch", "epoch_ms", "java_sql_timestamp")
SPELLINGS = {**{f: f for f in DATE_FORMATS}, "epoch_millis": "epoch_ms", "epoch_milliseconds": "epoch_ms"}

SNAP = 6755399441055744.0
"""1.5 * 2**52: adding it rounds a double to a whole number, taking it away leaves that number."""
LEAST, MOST = 1_000_000_000 * SECOND, 2_200_000_000 * SECOND
"""Between these 16 digits of seconds are whole microseconds."""

DAY = 86_400 * SECOND
"""So far from the first time the microseconds are still exact."""

Date = Callable[[int], float | int | str]
"""ns -> the value of the date field."""


def read_date_format(text: str) -> str | None:
    """The date format of that name in any case, or None when there is none."""
    return SPELLINGS.get(text.strip().lower())


@lru_cache(maxsize=64)
def second_text(form: str, second: int) -> str:
    """strftime of a second since the epoch, UTC."""
    return time.strftime(form, time.gmtime(second))


def double(ns: int) -> float:
    """Seconds with 16 digits, which is what %.16g leaves of them."""
    return float(f"{ns / SECOND:.16g}")


def doubles(times: list[int]) -> list[float]:
    """double() of each, four times as fast for times of our days.

    What is left of a double of seconds after taking whole seconds away is exact, and so are its microseconds."""
    first, last = min(times, default=0), max(times, default=0)
    if first < LEAST or last >= MOST or last - first > DAY:
        return list(map(double, times))
    base = float(first // SECOND)
    snap, back = SNAP, SNAP - base * 1e6
    return [((ns / SECOND - base) * 1e6 + snap - back) / 1e6 for ns in times]


def iso8601(ns: int) -> str:
    seconds, rest = divmod(ns, SECOND)
    return f"{second_text('%Y-%m-%dT%H:%M:%S', seconds)}.{rest // 1000:06d}Z"


def java_sql_timestamp(ns: int) -> str:
    seconds, rest = divmod(ns, SECOND)
    return f"{second_text('%Y-%m-%d %H:%M:%S', seconds)}.{rest // 1000:06d}"


DATES: dict[str, Date] = {
    "double": double,
    "iso8601": iso8601,
    "epoch": lambda ns: ns // SECOND,
    "epoch_ms": lambda ns: ns // 1_000_000,
    "java_sql_timestamp": java_sql_timestamp,
}
