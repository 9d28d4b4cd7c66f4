"""What an output is given and what it answers."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, Protocol, runtime_checkable

from pyrolens.delivery.receipt import Receipt
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call of an output may carry, and how many calls may be under way."""

    size: int = 2 * 1024 * 1024
    """Bytes of all items of a call, `per_item` added for each."""
    items: int | None = None
    """None: any number."""
    per_item: int = 0
    calls: int = 4
    """Calls under way at once, where the user says nothing (Workers)."""


Origin = tuple[str, Event]
"""(tag, event)"""


class Parcel(NamedTuple):
    """Encoded records on the way to one place (`key`: a tag, a stream, an index …).

    items: one for each record; or a single one for all of them, where a call succeeds or fails as a whole.
    sizes: bytes of each item; None means len(item)."""

    key: Hashable
    items: list[Any]
    records: int
    size: int
    """Bytes."""
    sizes: list[int] | None = None
    origins: list[Origin] | None = None
    """The record of each item, kept only where dead letters are wanted."""


Encode = Callable[[list[Event]], Iterable[Parcel]]
EncodeMetrics = Callable[[MetricSet], Iterable[Parcel]]


@dataclass(slots=True)
class Chunk:
    """What one call carries: items of one key, at most the limits of the output."""

    key: Any
    items: list[Any]
    records: int
    size: int
    id: str
    attempt: int = 0
    """Calls made with it before."""
    receipts: list[Receipt] = field(default_factory=list)
    weights: list[int] | None = None
    """Records of each item; None: one each."""
    origins: list[Origin] | None = None
    origin_size: int = 0
    """Bytes of memory that each of them takes, more or less."""
    born: float = field(default_factory=monotonic, compare=False)
    """When the first of it came to the output, on the monotonic clock."""

    def records_of(self, indexes: Sequence[int]) -> int:
        return sum(self.weights[i] for i in indexes) if self.weights else len(indexes)

    def part(self, indexes: Sequence[int], records: int) -> "Chunk":
        """The chunk with only these items. It keeps all receipts, for which items belong to which is not known."""
        items = [self.items[i] for i in indexes]
        weights = [self.weights[i] for i in indexes] if self.weights else None
        origins = [self.origins[i] for i in indexes] if self.origins else None
        size = self.size * len(items) // len(self.items)
        return Chunk(
            self.key, items, records, size, self.id, self.attempt, self.receipts, weights, origins, self.origin_size,
            self.born,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the items of a chunk: indexes into chunk.items to send again, indexes that the destination
    refuses for good with the reason, and the rest was delivered."""

    retry: Sequence[int] = ()
    rejected: Mapping[int, str] = field(default_factory=dict)
    reason: str = ""
    """Why some are to be sent again; one short line for the log."""
    after: float | None = None
    """Seconds to wait before the retry, where the destination named them."""
    slow_down: bool = False
    """The destination throttles."""
    for_one: bool = field(default=False, compare=False)
    """The call was refused as a whole, perhaps for one of its items."""

    @staticmethod
    def again(chunk: Chunk, reason: str, after: float | None = None, slow_down: bool = False) -> "Outcome":
        """Nothing was delivered; send all of it again."""
        return Outcome(range(len(chunk.items)), {}, reason, after, slow_down)

    @staticmethod
    def reject(chunk: Chunk, reason: str, *, for_one: bool = False) -> "Outcome":
        """Nothing was delivered, and sending it again is of no use."""
        return Outcome((), dict.fromkeys(range(len(chunk.items)), reason), reason, for_one=for_one)


DELIVERED = Outcome()


class Sink(Protocol):
    """An output at work. Raising from `deliver` means Outcome.again with the exception as the reason."""

    limits: Limits

    def encoder(self, tag: str) -> Encode:
        """Called once per tag; what it returns is called for every batch of that tag, and does all encoding."""

    async def start(self) -> None:
        """Open what must be there before the router is ready. Raises: ConfigError to refuse the start."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        """One call. No retry, no sleep, no loop: those are delivery's."""

    async def close(self) -> None:
        """Let go of everything. Called once, after the last deliver."""


class Encoding(Protocol):
    """What encodes the records of an output."""

    def encoder(self, tag: str) -> Encode:
        """As of a Sink."""


@runtime_checkable
class Shows(Protocol):
    """A sink whose items are not simply what goes on the wire."""

    def shown(self, key: Any, item: Any) -> bytes | str:
        """What the destination gets of an item of a parcel with that key."""


@runtime_checkable
class Holder(Protocol):
    """A sink with something that only one may have open. When the config is loaded again the new sink is started
    after the one that holds the same has closed."""

    @property
    def holds(self) -> str: ...


@runtime_checkable
class Keeper(Protocol):
    """A sink that keeps on its own what was delivered to it, such as in files which it uploads later."""

    async def drain(self) -> None:
        """Send all of it. Called after the last deliver, and cancelled when Grace is over."""


@runtime_checkable
class TakesMetrics(Protocol):
    """A sink that takes metrics, too; the class of its plugin has takes_metrics. A sample counts as a record."""

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        """As encoder(), for the metrics of a tag."""
