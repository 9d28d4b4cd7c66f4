"""The date that outputs put into a record (json_date_format)."""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

from pyrolens.records.event import SECOND

DATE_FORMATS = ("double", "iso8601", "epoch", "epoch_ms", "java_sql_timestamp")
SPELLINGS = {**{f: f for f in DATE_FORMATS}, "epoch_millis": "epoch_ms", "epoch_milliseconds": "epoch_ms"}

SNAP = 6755399441055744.0
"""1.5 * 2**52: adding it rounds a double to a whole number, taking it away leaves that number."""
LEAST, MOST = 1_000_000_000 * SECOND, 2_200_000_000 * SECOND
"""Between these 16 digits of seconds are whole microseconds."""

DAY = 86_400 * SECOND
"""So far from the first time the microseconds are still exact."""

Dates = Callable[[list[int]], Sequence[float | int | str]]
"""Times in ns, of a batch -> the values of their date fields."""


def read_date_format(text: str) -> str | None:
    """The date format of that name in any case, or None when there is none."""
    return SPELLINGS.get(text.strip().lower())


@lru_cache(maxsize=64)
def second_text(form: str, second: int) -> str:
    """strftime of a second since the epoch, UTC."""
    return time.strftime(form, time.gmtime(second))


def double(ns: int) -> float:
    """Seconds with 16 digits, which is what %.16g leaves of them.

    Source: flb_time_to_double, which adds the rest as a double to the whole seconds; shortly after 1970 that shows."""
    seconds, rest = divmod(ns, SECOND)
    return float(f"{seconds + rest / 1e9:.16g}")


def doubles(times: list[int]) -> list[float]:
    """double() of each, four times as fast for times of our days.

    What is left of a double of seconds after taking whole seconds away is exact, and so are its microseconds."""
    first, last = min(times, default=0), max(times, default=0)
    if first < LEAST or last >= MOST or last - first > DAY:
        return list(map(double, times))
    base = float(first // SECOND)
    snap, back = SNAP, SNAP - base * 1e6
    return [((ns / SECOND - base) * 1e6 + snap - back) / 1e6 for ns in times]


def microseconds(form: str, end: str, times: list[int]) -> list[str]:
    """Each time as strftime writes its second, with a point, six digits and `end`."""
    start = min(times) // SECOND * SECOND
    if max(times) >= start + SECOND:
        return [f"{second_text(form, ns // SECOND)}.{ns % SECOND // 1000:06d}{end}" for ns in times]
    text = second_text(form, start // SECOND)
    return [f"{text}.{(ns - start) // 1000:06d}{end}" for ns in times]


DATES: dict[str, Dates] = {
    "double": doubles,
    "iso8601": partial(microseconds, "%Y-%m-%dT%H:%M:%S", "Z"),
    "epoch": lambda times: [ns // SECOND for ns in times],
    "epoch_ms": lambda times: [ns // 1_000_000 for ns in times],
    "java_sql_timestamp": partial(microseconds, "%Y-%m-%d %H:%M:%S", ""),
}
