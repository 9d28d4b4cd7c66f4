"""Events: plain tuples and dicts, because nothing else is as cheap."""

from typing import Any

Record = dict[str, Any]
"""Values are None, bool, int, float, str, bytes, list, dict and msgspec.msgpack.Ext. Text that is not UTF-8 is a str
with surrogate escapes. A record that has been handed over is never edited: who wants another makes another."""

Event = tuple[int, Record]
"""(ns since the epoch UTC, record)."""

SECOND = 1_000_000_000


class Stamp(int):
    """The time of the rare event that carries metadata beside its record (Fluent Bit's [[time, metadata], record]).

    It is an int, so it passes through every filter untouched; only encoders that know metadata look for it."""

    metadata: Record

    def __new__(cls, ns: int, metadata: Record) -> "Stamp":
        stamp = super().__new__(cls, ns)
        stamp.metadata = metadata
        return stamp


def metadata_of(ns: int) -> Record:
    return ns.metadata if isinstance(ns, Stamp) else {}
