"""What a query says, once it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Order = Literal["=", "<", "<=", ">", ">="]
Constant = str | int | float | bool


class QueryError(ValueError):
    """A query that cannot be read or cannot run."""

    def __init__(self, message: str, at: int, length: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.at = at
        """Where in the text, in characters from 0."""
        self.length = length
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that a query says and that is not what its writer will have meant."""

    message: str
    at: int
    length: int = 1
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """`a['b']['c']`"""

    name: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name + "".join(f"['{step}']" for step in self.path)


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that is selected. Without a field and a function: all fields."""

    field: Field | None = None
    function: str = ""
    """Upper case; "" for a field as it is."""
    alias: str | None = None
    seconds: int = 0
    """How far TIMESERIES_FORECAST looks ahead."""
    at: int = 0
    length: int = 1

    @property
    def is_all(self) -> bool:
        return self.field is None and not self.function

    @property
    def aggregates(self) -> bool:
        return self.function in AGGREGATES

    @property
    def key(self) -> str:
        """The name of the field that it becomes."""
        if self.alias is not None:
            return self.alias
        if self.aggregates:
            return f"{self.function}({self.field or '*'})"
        return f"{self.function}()" if self.function else str(self.field)


AGGREGATES = ("COUNT", "SUM", "AVG", "MIN", "MAX", "TIMESERIES_FORECAST")
FUNCTIONS = ("NOW", "UNIX_TIMESTAMP", "RECORD_TAG", "RECORD_TIME")


@dataclass(frozen=True, slots=True)
class Contains:
    """@record.contains(field)"""

    field: Field


@dataclass(frozen=True, slots=True)
class RecordTime:
    """@record.time()"""


@dataclass(frozen=True, slots=True)
class Compare:
    left: Field | Contains | RecordTime
    order: Order
    right: Constant


@dataclass(frozen=True, slots=True)
class IsNull:
    field: Field


@dataclass(frozen=True, slots=True)
class Truth:
    """A field or a constant that stands where a condition could."""

    of: Field | Constant


@dataclass(frozen=True, slots=True)
class Not:
    inner: "Condition"


@dataclass(frozen=True, slots=True)
class Both:
    left: "Condition"
    right: "Condition"


@dataclass(frozen=True, slots=True)
class Either:
    left: "Condition"
    right: "Condition"


Condition = Compare | IsNull | Truth | Not | Both | Either


@dataclass(frozen=True, slots=True)
class Source:
    kind: Literal["stream", "tag"]
    name: str
    """Of an input or a stream; or a pattern of tags."""
    at: int = 0
    length: int = 1


@dataclass(frozen=True, slots=True)
class Window:
    size: int
    """Seconds."""
    advance: int
    """Seconds from one window to the next; of a tumbling window its size."""


@dataclass(frozen=True, slots=True)
class Statement:
    """`select`: what it finds is printed. `stream`: it goes on as a stream. `snapshot`: it is kept until `flush`."""

    kind: Literal["select", "stream", "snapshot", "flush"]
    columns: tuple[Column, ...]
    source: Source
    name: str = ""
    """Of the stream or the snapshot."""
    at: int = 0
    length: int = 1
    """Where the name stands."""
    properties: Mapping[str, str] | None = None
    """`WITH (key='value')`; of two of a key the first counts."""
    window: Window | None = None
    where: Condition | None = None
    group: tuple[Field, ...] = ()
    limit: int = 0
    """Records that a snapshot keeps; 0: any number."""
    seconds: int = 0
    """Of a snapshot: it keeps the records of so long a time; 0: of any."""
    doubts: tuple[Doubt, ...] = ()

    @property
    def aggregates(self) -> bool:
        return any(column.aggregates for column in self.columns)

    def property(self, key: str) -> str | None:
        return (self.properties or {}).get(key)
