"""The delivery of one output: what its sink says happened is decided on here, and nowhere else.

Records of one key are delivered in order, one call at a time (as many as Workers says, where the user says it); while
a chunk waits for its retry the next ones go on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Protocol

from pyrolens.delivery.buffer import Buffer
from pyrolens.delivery.outcome import Chunk, Keeper, Outcome, Parcel, Sink
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.plugin import Log
from pyrolens.records.event import Event


class OutputCounters(Protocol):
    records: int
    bytes: int
    calls: int
    errors: int
    retries: int
    retried_records: int
    retries_failed: int
    dropped_records: int
    waiting_chunks: int
    waiting_records: int
    waiting_bytes: int


class Delivery:
    def __init__(
        self,
        sink: Sink,
        policy: RetryPolicy,
        counters: OutputCounters,
        log: Log,
        workers: int | None = None,
    ) -> None:
        self.sink = sink
        self.policy = policy
        self.counters = counters
        self.log = log
        self.calls = workers or sink.limits.calls
        """Calls that may be under way."""
        self.calls_per_key = workers or 1
        self._buffers: dict[Hashable, Buffer] = {}
        self._lanes: dict[Hashable, deque[Chunk]] = {}
        """Chunks ready to be sent."""
        self._free: dict[Hashable, None] = {}
        """Keys, in turn, with something in their lane that may be sent now."""
        self._busy: dict[Hashable, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._retries: dict[str, tuple[asyncio.TimerHandle, Chunk]] = {}
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    # -- in ---------------------------------------------------------------------------------------------------

    def door(self, tag: str) -> Callable[[list[Event], Receipt], None]:
        """Where the records of a tag come in."""
        encode = self.sink.encoder(tag)
        add = self._add

        def accept(events: list[Event], receipt: Receipt) -> None:
            try:
                parcels = list(encode(events))
            except Exception as error:
                if len(events) > 1:
                    for event in events:
                        accept([event], receipt)
                else:
                    self._refuse(1, f"cannot be encoded: {type(error).__name__}: {error}", tag=tag)
                return
            for parcel in parcels:
                add(parcel, receipt)

        return accept

    def _add(self, parcel: Parcel, receipt: Receipt) -> None:
        buffer = self._buffers.get(parcel.key)
        if buffer is None:
            buffer = self._buffers[parcel.key] = Buffer(parcel.key, self.sink.limits)
        for chunk in buffer.add(parcel, receipt):
            self._ready(chunk)

    def flush(self) -> None:
        """Send all that waits for company."""
        if self._buffers:
            buffers, self._buffers = self._buffers, {}
            for buffer in buffers.values():
                if buffer.items:
                    self._ready(buffer.cut())

    # -- out --------------------------------------------------------------------------------------------------

    def _ready(self, chunk: Chunk, *, first: bool = False) -> None:
        self._idle.clear()
        counters = self.counters
        counters.waiting_chunks += 1
        counters.waiting_records += chunk.records
        counters.waiting_bytes += chunk.size
        lane = self._lanes.get(chunk.key)
        if lane is None:
            lane = self._lanes[chunk.key] = deque()
        (lane.appendleft if first else lane.append)(chunk)
        self._list(chunk.key)
        self._dispatch()

    def _list(self, key: Hashable) -> None:
        """Put the key among the free ones, if it has something to send and may make one more call."""
        if key in self._lanes and key not in self._free and self._busy.get(key, 0) < self.calls_per_key:
            self._free[key] = None

    def _dispatch(self) -> None:
        while self._free and len(self._tasks) < self.calls:
            key = next(iter(self._free))
            del self._free[key]
            lane = self._lanes[key]
            chunk = lane.popleft()
            if not lane:
                del self._lanes[key]
            self._busy[key] = self._busy.get(key, 0) + 1
            self._list(key)
            task = asyncio.get_running_loop().create_task(self._send(chunk))
            self._tasks.add(task)
            task.add_done_callback(partial(self._sent, key))

    def _sent(self, key: Hashable, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        left = self._busy.pop(key) - 1
        if left:
            self._busy[key] = left
        self._list(key)
        self._dispatch()
        if not self._tasks and not self._lanes and not self._retries:
            self._idle.set()
        if not task.cancelled() and (error := task.exception()):
            raise error  # a bug of ours; the loop's handler logs it

    async def _send(self, chunk: Chunk) -> None:
        chunk.attempt += 1
        self.counters.calls += 1
        try:
            outcome = await self.sink.deliver(chunk)
        except Exception as error:
            outcome = Outcome.again(chunk, f"{type(error).__name__}: {error}")
        self._settle(chunk, outcome)

    def _settle(self, chunk: Chunk, outcome: Outcome) -> None:
        counters = self.counters
        counters.waiting_chunks -= 1
        counters.waiting_records -= chunk.records
        counters.waiting_bytes -= chunk.size
        retry = outcome.retry
        failed = chunk.records_of(retry) if retry else 0
        refused = 0
        if outcome.rejected:
            refused = chunk.records_of(list(outcome.rejected))
            reasons = sorted(set(outcome.rejected.values()))
            self._refuse(refused, "; ".join(reasons[:3]), chunk=chunk.id)
        delivered = chunk.records - failed - refused
        if delivered:
            counters.records += delivered
            counters.bytes += chunk.size * delivered // chunk.records
        if retry:
            rest = chunk if len(retry) == len(chunk.items) else self._part(chunk, list(retry), failed)
            if not self.policy.gives_up(chunk.attempt):
                self._again(rest, outcome)
                return
            counters.retries_failed += 1
            counters.dropped_records += failed
            self.log.error(
                "the chunk is given up, its retries are used up",
                chunk=chunk.id,
                records=failed,
                attempts=chunk.attempt,
                reason=outcome.reason,
            )
        for receipt in chunk.receipts:
            receipt.release()

    def _part(self, chunk: Chunk, indexes: list[int], records: int) -> Chunk:
        """The chunk with only these items. It keeps all receipts, for which items belong to which is not known."""
        items = [chunk.items[i] for i in indexes]
        weights = [chunk.weights[i] for i in indexes] if chunk.weights else None
        size = chunk.size * len(items) // len(chunk.items)
        return Chunk(chunk.key, items, records, size, chunk.id, chunk.attempt, chunk.receipts, weights)

    def _again(self, chunk: Chunk, outcome: Outcome) -> None:
        wait = self.policy.wait(chunk.attempt, outcome.after, self._draining)
        self.counters.retries += 1
        self.counters.retried_records += chunk.records
        self.log.warning(
            "retry",
            chunk=chunk.id,
            attempt=chunk.attempt + 1,
            wait=f"{wait:.1f}s",
            records=chunk.records,
            reason=outcome.reason,
        )
        timer = asyncio.get_running_loop().call_later(wait, self._retry_now, chunk.id)
        self._retries[chunk.id] = timer, chunk

    def _retry_now(self, id_: str) -> None:
        timer, chunk = self._retries.pop(id_)
        timer.cancel()
        self._ready(chunk, first=True)

    def _refuse(self, records: int, reason: str, **where: object) -> None:
        self.counters.errors += 1
        self.counters.dropped_records += records
        self.log.error("the destination will never take these records", records=records, reason=reason, **where)

    def reject(self, events: list[Event], tag: str, reason: str) -> None:
        """What OutputEnv.reject does."""
        self._refuse(len(events), reason, tag=tag)

    # -- the end ----------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Deliver what is there; returns when nothing is left. Waiting retries are made now, and then each second."""
        self._draining = True
        self.flush()
        for id_ in list(self._retries):
            self._retry_now(id_)
        await self._idle.wait()
        if isinstance(self.sink, Keeper):
            await self.sink.drain()

    def left(self) -> tuple[int, int]:
        """Records and bytes that are not delivered."""
        waiting = [c for _, c in self._retries.values()]
        buffers = list(self._buffers.values())
        return (
            self.counters.waiting_records + sum(c.records for c in waiting) + sum(b.records for b in buffers),
            self.counters.waiting_bytes + sum(c.size for c in waiting) + sum(b.size for b in buffers),
        )

    async def close(self) -> None:
        """Stop, whatever is left."""
        for timer, _ in self._retries.values():
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sink.close()
