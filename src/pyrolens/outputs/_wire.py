"""Sinks of protocols without answers: a record counts as delivered when it is with the machine at the other end, or
for datagrams on its way."""

from collections.abc import Callable, Sequence

from pyrolens.api import DELIVERED, Chunk, Encode, Event, Limits, Outcome, Parcel
from pyrolens.net import NetError
from pyrolens.net.connect import Place
from pyrolens.net.datagrams import Datagrams
from pyrolens.net.stream import Streams

Encoder = Callable[[str], Encode]
"""Tag -> what makes parcels of its batches."""


class StreamSink:
    """All items of a chunk go over one connection, as one piece. When it breaks, all go again, for nobody knows which
    have arrived."""

    limits = Limits()

    def __init__(self, encoder: Encoder, place: Place, join: Callable[[list[bytes]], bytes] = b"".join) -> None:
        """Raises: ConfigError for TLS options that cannot be."""
        self.encoder = encoder
        self.join = join
        self.streams = Streams(place)

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        try:
            await self.streams.send(self.join(chunk.items))
        except NetError as why:
            return Outcome.again(chunk, str(why))
        return DELIVERED

    async def close(self) -> None:
        await self.streams.close()


class DatagramSink:
    """Each item is a record, sent in a datagram of its own or in several."""

    limits = Limits(calls=1)

    def __init__(
        self, encoder: Encoder, target: Datagrams, cut: Callable[[bytes], Sequence[bytes]] = lambda item: [item]
    ) -> None:
        """cut: item -> its datagrams."""
        self.encoder = encoder
        self.target = target
        self.cut = cut

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        sent = await self.target.send([self.cut(item) for item in chunk.items])
        if not sent.again and not sent.too_large:
            return DELIVERED
        rejected = {
            n: f"a record of {len(chunk.items[n]):,} bytes is more than a datagram holds" for n in sent.too_large
        }
        return Outcome(sent.again, rejected, sent.reason)

    async def close(self) -> None:
        self.target.close()


def each(lines: Callable[[list[Event]], list[bytes]], tag: str) -> Encode:
    """Each event is an item."""

    def encode(events: list[Event]) -> list[Parcel]:
        items = lines(events)
        return [Parcel(tag, items, len(items), sum(map(len, items)))] if items else []

    return encode
