"""What SELECT makes of records, one by one.

Source: Fluent Bit 5.1.1, src/stream_processor/flb_sp.c (sp_process_data), flb_sp_func_time.c, flb_sp_func_record.c.
Differs: a field within a map that is not there is left out; Fluent Bit then breaks the stream.
"""

import time
from collections.abc import Callable, Sequence

from pyrolens.records.accessor import MISSING
from pyrolens.records.event import SECOND, Event, Record
from pyrolens.sql.nodes import Column
from pyrolens.sql.values import getter

Shape = Callable[[str, list[Event]], list[Event]]
"""(tag, events) -> a new event for each; a record of which nothing is selected makes none."""
Put = Callable[[str, int, Record, Record], None]
"""(tag, ns, record, the new record): puts in a column."""
Now = Callable[[], int]
"""ns since the epoch."""
FORMAT = "%Y-%m-%d %H:%M:%S"


def shaper(columns: Sequence[Column], now: Now) -> Shape:
    if len(columns) == 1 and columns[0].is_all:
        return lambda tag, events: events
    puts = [put(column, now) for column in columns]

    def shape(tag: str, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for ns, record in events:
            new: Record = {}
            for add in puts:
                add(tag, ns, record, new)
            if new:
                out.append((ns, new))
        return out

    return shape


def put(column: Column, now: Now) -> Put:
    key = column.key
    if column.is_all:
        return lambda tag, ns, record, new: new.update(record)
    if column.function:
        value = FUNCTIONS[column.function]

        def put_value(tag: str, ns: int, record: Record, new: Record) -> None:
            new[key] = value(tag, ns, now)

        return put_value
    if column.field is None or column.field.path:
        get = getter(column.field) if column.field else lambda record: MISSING

        def put_inner(tag: str, ns: int, record: Record, new: Record) -> None:
            found = get(record)
            if found is not MISSING:
                new[key] = found

        return put_inner
    name = column.field.name

    def put_field(tag: str, ns: int, record: Record, new: Record) -> None:
        if name in record:
            new[key] = record[name]

    return put_field


def seconds_of(ns: int) -> float:
    return ns // SECOND + ns % SECOND / SECOND


FUNCTIONS: dict[str, Callable[[str, int, Now], str | int | float]] = {
    "NOW": lambda tag, ns, now: time.strftime(FORMAT, time.localtime(now() // SECOND)),
    "UNIX_TIMESTAMP": lambda tag, ns, now: now() // SECOND,
    "RECORD_TAG": lambda tag, ns, now: tag,
    "RECORD_TIME": lambda tag, ns, now: seconds_of(ns),
}
"""(tag, ns of the record, what time it is) -> the value."""
