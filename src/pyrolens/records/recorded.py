"""Records with their tag and time as lines of JSON: what `tap` writes, and what commands that take a sample read.

A line is {"point": …, "tag": …, "time": …, "record": {…}}; dead letters in a folder can be read likewise.
"""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from pyrolens.records.codecs.plain import plain
from pyrolens.records.event import SECOND, Event, Record, Stamp, group_of, metadata_of

LATEST = 10**11
"""A whole number above that is ns since the epoch, and not seconds."""
EPOCH = datetime.fromtimestamp(0, UTC)
DATE_AND_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


class Recorded(NamedTuple):
    tag: str
    event: Event
    point: str = ""
    """Where it was seen, such as output:s3.0."""


def recorded_line(point: str, tag: str, event: Event) -> bytes:
    """With a newline. Values that JSON has no word for are as outputs write them."""
    ns, record = event
    line: dict[str, Any] = {"point": point, "tag": tag, "time": time_text(ns)}
    if ns.__class__ is not int:
        if metadata := metadata_of(ns):
            line["metadata"] = metadata
        if group := group_of(ns):
            line["group"] = group
    line["record"] = record
    try:
        return orjson.dumps(line) + b"\n"
    except TypeError:
        return orjson.dumps(plain(line, False)) + b"\n"


def time_text(ns: int) -> str | int:
    """In UTC with nine digits behind the point; what is no time of the calendar stays as it is, in ns."""
    seconds, rest = divmod(int(ns), SECOND)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    except (ValueError, OverflowError, OSError):
        return int(ns)


def read_recorded(line: str | bytes) -> Recorded | None:
    """None: it is no such line. Raises: ValueError for one whose time cannot be read."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("record"), dict):
        return None
    tag, point = found.get("tag"), found.get("point", found.get("output", ""))
    if not isinstance(tag, str) or "time" not in found:
        return None
    ns = read_time(found["time"])
    metadata, group = _map(found.get("metadata")), _map(found.get("group"))
    if metadata or group:
        ns = Stamp(ns, metadata, group)
    return Recorded(tag, (ns, found["record"]), point if isinstance(point, str) else "")


def read_time(value: Any) -> int:
    """ns: of a date and time as RFC 3339 has them, of seconds, or of ns. Raises: ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) > LATEST else value * SECOND
    if isinstance(value, float) and abs(value) < LATEST:
        return round(value * SECOND)
    if isinstance(value, str) and (found := DATE_AND_TIME.fullmatch(value)):
        with suppress(ValueError):
            at = datetime.fromisoformat(found[1] + (found[3] or "+00:00")) - EPOCH
            return (at.days * 86400 + at.seconds) * SECOND + int((found[2] or "")[:9].ljust(9, "0"))
    raise ValueError(f"the time is {json.dumps(value)}: expected such as 2026-01-31T12:00:00.5Z")


def _map(value: Any) -> Record:
    return value if isinstance(value, dict) else {}
