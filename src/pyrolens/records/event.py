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
    group: Record
    """What it has in common with others, such as the resource and the scope of OpenTelemetry (the attributes of a group
    in Fluent Bit)."""

    def __new__(cls, ns: int, metadata: Record, group: Record | None = None) -> "Stamp":
        stamp = super().__new__(cls, ns)
        stamp.metadata = metadata
        stamp.group = group or {}
        return stamp

    def at(self, ns: int) -> "Stamp":
        """The same at another time."""
        return Stamp(ns, self.metadata, self.group)


def metadata_of(ns: int) -> Record:
    return ns.metadata if isinstance(ns, Stamp) else {}


def group_of(ns: int) -> Record:
    return ns.group if isinstance(ns, Stamp) else {}
