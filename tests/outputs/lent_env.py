"""What tests lend to an output in place of the router."""

from dataclasses import dataclass, field

from pyrolens.api import Chunk, Event, Log, Parcel, Parse, Sink
from pyrolens.delivery.retry import RetryPolicy
from tests.said import Said


@dataclass
class Env:
    name: str = "output.0"
    said: Said = field(default_factory=Said)
    log: Log = field(init=False)
    flush: float = 1.0
    workers: int = 0
    escape_unicode: bool = True
    retry: RetryPolicy = RetryPolicy()
    time: int = 1718000000_123456789
    counts: dict[str, int] = field(default_factory=dict)
    exits: list[int] = field(default_factory=list)
    rejected: list[tuple[list[Event], str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = self.said

    def now(self) -> int:
        return self.time

    def count(self, counter: str, n: int = 1) -> None:
        self.counts[counter] = self.counts.get(counter, 0) + n

    def exit(self, status: int = 0) -> None:
        self.exits.append(status)

    def parser(self, name: str) -> Parse | None:
        return None

    def reject(self, events: list[Event], tag: str, reason: str) -> None:
        self.rejected.append((events, tag, reason))


def chunks(sink: Sink, tag: str, *batches: list[Event]) -> list[Chunk]:
    """What delivery makes of batches: a chunk for each key, without any cutting."""
    encode = sink.encoder(tag)
    made: dict[object, Chunk] = {}
    for parcel in [p for batch in batches for p in encode(batch)]:
        check(parcel)
        chunk = made.setdefault(parcel.key, Chunk(parcel.key, [], 0, 0, f"{len(made)}"))
        chunk.items += parcel.items
        chunk.records += parcel.records
        chunk.size += parcel.size
    return list(made.values())


def check(parcel: Parcel) -> None:
    """What delivery relies on."""
    assert len(parcel.items) in (1, parcel.records)
    assert parcel.sizes is None or len(parcel.sizes) == len(parcel.items)
    assert parcel.size == sum(parcel.sizes if parcel.sizes is not None else map(len, parcel.items))
