"""What the tests of network outputs lend to an output, and how they send with it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any, TypeVar

from pyrolens.api import Chunk, Event, Log, MetricSet, Outcome, Output, Parse, Sink
from pyrolens.delivery.buffer import Buffer
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy
from tests.metrics import chunks as chunks_of_metrics
from tests.net.servers import Answer, Request, Server, serving
from tests.said import Said

T0 = 1_718_000_000_123_456_789


class Env:
    """An OutputEnv that remembers what it was told."""

    name = "x.0"
    flush = 1.0
    workers = 1
    escape_unicode = True
    retry = RetryPolicy()

    def __init__(self) -> None:
        self.said = Said()
        self.log: Log = self.said
        self.counts: dict[str, int] = {}
        self.rejected: list[tuple[list[Event], str]] = []

    def now(self) -> int:
        return T0

    def count(self, counter: str, n: int = 1) -> None:
        self.counts[counter] = self.counts.get(counter, 0) + n

    def parser(self, name: str) -> Parse | None:
        return None

    def exit(self, code: int = 0) -> None:
        raise AssertionError("no network output ends the router")

    def reject(self, events: list[Event], tag: str, reason: str) -> None:
        self.rejected.append((events, reason))


AnyOutput = TypeVar("AnyOutput", bound=Output)


def made(cls: type[AnyOutput], **options: Any) -> AnyOutput:
    """An output with these options, those of its groups among them."""
    given = {}
    for part in fields(cls):
        if part.name in options:
            given[part.name] = options.pop(part.name)
        elif kind := part.metadata.get("group"):
            own = {f.name: options.pop(f.name) for f in fields(kind) if f.name in options}
            given |= {part.name: kind(**own)} if own else {}
    return cls(**given, **options)


def events(*records: dict[str, Any]) -> list[Event]:
    """A second apart."""
    return [(T0 + n * 1_000_000_000, record) for n, record in enumerate(records)]


def chunks(sink: Sink, batches: list[tuple[str, list[Event]]]) -> list[Chunk]:
    """The chunks that the router makes of these batches of a tag."""
    buffers: dict[Any, Buffer] = {}
    out: list[Chunk] = []
    for tag, batch in batches:
        for parcel in sink.encoder(tag)(batch):
            buffer = buffers.setdefault(parcel.key, Buffer(parcel.key, sink.limits))
            out += buffer.add(parcel, Receipt(0, lambda receipt: None))
    return out + [buffer.cut() for buffer in buffers.values() if buffer.items]


def with_server(
    respond: Callable[[Request], Answer], test: Callable[[Server], Awaitable[Any]]
) -> tuple[Any, list[Request]]:
    """What the test gives back, and the requests that the server got."""

    async def run() -> tuple[Any, list[Request]]:
        async with serving(respond) as server:
            return await test(server), server.requests

    return asyncio.run(asyncio.wait_for(run(), 60))


def sent_metrics(
    make: Callable[[Server], Output],
    respond: Callable[[Request], Answer],
    *sets: MetricSet,
    env: Env | None = None,
) -> tuple[list[Outcome], list[Request]]:
    """As `sent`."""

    async def test(server: Server) -> list[Outcome]:
        sink = make(server).open(env or Env())
        outcomes = [await sink.deliver(chunk) for chunk in chunks_of_metrics(sink, "web.app", *sets)]
        await sink.close()
        return outcomes

    return with_server(respond, test)


def sent(
    make: Callable[[Server], Output],
    respond: Callable[[Request], Answer],
    *batches: list[Event],
    tag: str = "web.app",
    env: Env | None = None,
) -> tuple[list[Outcome], list[Request]]:
    """The outcome of each chunk, one after the other, and the requests that the server got."""

    async def test(server: Server) -> list[Outcome]:
        sink = make(server).open(env or Env())
        await sink.start()
        outcomes = [await sink.deliver(chunk) for chunk in chunks(sink, [(tag, batch) for batch in batches])]
        await sink.close()
        return outcomes

    return with_server(respond, test)
