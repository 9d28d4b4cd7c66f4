"""Functions over records: COUNT, SUM, AVG, MIN, MAX and TIMESERIES_FORECAST, by groups.

Source: Fluent Bit 5.1.1, src/stream_processor/flb_sp.c (sp_process_data_aggr, sp_process_aggregate_data,
package_results), flb_sp_aggregate_func.c, flb_sp_groupby.c. COUNT and AVG count every record of the group, also those
without the field; a function over nothing is 0. A sum of whole numbers is one; one fraction makes it a fraction.
Differs: results have 64 bits, not 32. Text is the same group as a number only if all of it is that number, and null,
maps and lists are the group null, not 0. MIN and MAX forget what has left a hopping window.
"""

import math
from collections.abc import Sequence
from typing import Any

from pyrolens.records.accessor import MISSING
from pyrolens.records.event import SECOND, Event, Record
from pyrolens.sql.nodes import Column, Field
from pyrolens.sql.select import FUNCTIONS
from pyrolens.sql.values import LONGEST, getter, number_in, number_of


class Count:
    """What one function has seen of one group, and the base of the others."""

    __slots__ = ()

    def add(self, number: int | float, ns: int) -> None: ...

    def join(self, later: Any) -> None:
        """Add what another of the same kind has seen after this one."""

    def result(self, records: int) -> int | float | None:
        return records


class Sum(Count):
    __slots__ = ("sum",)

    def __init__(self) -> None:
        self.sum: int | float = 0

    def add(self, number: int | float, ns: int) -> None:
        self.sum += number

    def join(self, later: "Sum") -> None:
        self.sum += later.sum

    def result(self, records: int) -> int | float | None:
        return self.sum if -(2**63) <= self.sum < 2**64 else float(self.sum)


class Mean(Sum):
    __slots__ = ()

    def result(self, records: int) -> int | float | None:
        return self.sum / records


class Least(Count):
    __slots__ = ("fraction", "least")

    def __init__(self) -> None:
        self.least: int | float | None = None
        self.fraction = False
        """There was a fraction, so the result is one."""

    def add(self, number: int | float, ns: int) -> None:
        if type(number) is float:
            self.fraction = True
        if self.least is None or self.before(number, self.least):
            self.least = number

    def before(self, number: int | float, other: int | float) -> bool:
        return number < other

    def join(self, later: "Least") -> None:
        if later.least is not None:
            self.add(later.least, 0)
            self.fraction |= later.fraction

    def result(self, records: int) -> int | float | None:
        least = self.least or 0
        return float(least) if self.fraction else least


class Most(Least):
    __slots__ = ()

    def before(self, number: int | float, other: int | float) -> bool:
        return number > other


class Forecast(Count):
    """The line that fits best, followed so many seconds beyond the latest record."""

    __slots__ = ("ahead", "latest", "origin", "seen", "sums")

    def __init__(self, ahead: int, origin: int) -> None:
        self.ahead = ahead
        self.origin = origin
        """ns: where the time axis begins, so that its numbers are small and keep their digits."""
        self.latest = 0.0
        self.seen = 0
        self.sums = (0.0, 0.0, 0.0, 0.0)
        """Of x, y, x*y and x*x."""

    def add(self, number: int | float, ns: int) -> None:
        x, y = (ns - self.origin) / SECOND, float(number)
        sx, sy, sxy, sxx = self.sums
        self.sums = (sx + x, sy + y, sxy + x * y, sxx + x * x)
        self.latest = x
        self.seen += 1

    def join(self, later: "Forecast") -> None:
        if later.seen:
            self.sums = tuple(a + b for a, b in zip(self.sums, later.sums, strict=True))  # type: ignore[assignment]
            self.latest = later.latest
            self.seen += later.seen

    def result(self, records: int) -> int | float | None:
        if not self.seen:
            return None
        x, y, xy, xx = self.sums
        spread = records * xx - x * x
        if not spread:
            return math.nan
        slope = (records * xy - x * y) / spread
        return (y - slope * x) / records + slope * (self.ahead + self.latest)


KINDS: dict[str, type[Count]] = {"COUNT": Count, "SUM": Sum, "AVG": Mean, "MIN": Least, "MAX": Most}


class Group:
    __slots__ = ("functions", "records", "values")

    def __init__(self, values: tuple[Any, ...], functions: list[Count]) -> None:
        self.values = values
        self.functions = functions
        self.records = 0


class Query:
    """A SELECT with functions over records, ready to run."""

    def __init__(self, columns: Sequence[Column], group: Sequence[Field], from_text: bool) -> None:
        self.columns = columns
        self.keys = [getter(field) for field in group]
        self.from_text = from_text
        """Text that holds a number counts as one."""
        self.over = [column for column in columns if column.aggregates]
        self.gets = [getter(column.field) if column.field else None for column in self.over]
        self.places = [self._place(column, list(group)) for column in columns]
        """Of each column: the number of its function, or of its field among those of GROUP BY."""
        self.origin = 0
        """ns of the first record."""

    def _place(self, column: Column, group: list[Field]) -> tuple[int, int]:
        if column.aggregates:
            return self.over.index(column), -1
        return -1, group.index(column.field) if column.field else -1

    def functions(self) -> list[Count]:
        return [
            KINDS[column.function]() if column.function in KINDS else Forecast(column.seconds, self.origin)
            for column in self.over
        ]

    def value(self, value: Any) -> Any:
        """A value of GROUP BY."""
        kind = type(value)
        if kind is str:
            if self.from_text and len(value) <= LONGEST and (number := number_in(value)) is not None:
                try:
                    return number if float(value) == number else value
                except ValueError:
                    return value
            return value
        if kind is bool:
            return int(value)
        # NaN is no group, for it equals nothing
        return value if (kind is int or kind is float) and value == value else None

    def results(self, groups: "Groups", tag: str, ns: int) -> list[Event]:
        """One event for each group."""
        out: list[Event] = []
        for group in groups.all.values():
            record: Record = {}
            for column, (function, key) in zip(self.columns, self.places, strict=True):
                if function >= 0:
                    record[column.key] = group.functions[function].result(group.records)
                elif key >= 0:
                    record[column.key] = group.values[key]
                else:
                    record[column.key] = FUNCTIONS[column.function](tag, ns, lambda: ns)
            out.append((ns, record))
        return out


class Groups:
    """What a query has seen in some time."""

    __slots__ = ("all", "query")

    def __init__(self, query: Query) -> None:
        self.query = query
        self.all: dict[tuple[Any, ...], Group] = {}

    def add(self, events: list[Event]) -> None:
        """A record without a field of GROUP BY does not count."""
        query = self.query
        keys, gets, from_text = query.keys, query.gets, query.from_text
        if not query.origin and events:
            query.origin = int(events[0][0])
        for ns, record in events:
            found = [get(record) for get in keys]
            if MISSING in found:
                continue
            group = self.group(tuple(map(query.value, found)) if found else ())
            group.records += 1
            for get, function in zip(gets, group.functions, strict=True):
                if get is not None:
                    number = number_of(get(record), from_text)
                    if number is not None:
                        function.add(number, ns)

    def group(self, values: tuple[Any, ...]) -> Group:
        group = self.all.get(values)
        if group is None:
            group = self.all[values] = Group(values, self.query.functions())
        elif any(type(value) is float for value in values):
            # 5 and 5.0 are one group, whose value is a fraction
            group.values = tuple(
                new if type(new) is float else old for new, old in zip(values, group.values, strict=True)
            )
        return group

    def join(self, later: "Groups") -> None:
        """Add what was seen after this."""
        for values, other in later.all.items():
            group = self.group(values)
            group.records += other.records
            for function, more in zip(group.functions, other.functions, strict=True):
                function.join(more)
