"""The delivery of one output: what its sink says happened is decided on here, and nowhere else.

Records of one key are delivered in order, one call at a time (as many as Workers says, where the user says it); while
a chunk waits for its retry the next ones go on, or with preserve_order wait for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Protocol

from pyrolens.delivery.buffer import Buffer
from pyrolens.delivery.dead_letters import DeadLetters
from pyrolens.delivery.outcome import Chunk, Keeper, Origin, Outcome, Parcel, Sink, TakesMetrics
from pyrolens.delivery.pace import Pace
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.plugin import Log
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet


class OutputCounters(Protocol):
    records: int
    bytes: int
    calls: int
    errors: int
    retries: int
    retried_records: int
    retries_failed: int
    dropped_records: int
    rejected_records: int
    waiting_chunks: int
    waiting_records: int
    waiting_bytes: int
    counters: dict[str, int]


SILENCE = 60.0
"""Seconds without a call that delivered something, after which throttling answers count as failures."""


class Delivery:
    def __init__(
        self,
        sink: Sink,
        policy: RetryPolicy,
        counters: OutputCounters,
        log: Log,
        workers: int | None = None,
        dead: DeadLetters | None = None,
        *,
        preserve_order: bool = False,
    ) -> None:
        self.sink = sink
        self.policy = policy
        self.counters = counters
        self.log = log
        self.dead = dead
        """Where records go that are refused or given up; None: nowhere."""
        self.pace = Pace()
        self._waker: asyncio.TimerHandle | None = None
        self._delivered_at = -SILENCE
        self.calls = workers or sink.limits.calls
        """Calls that may be under way."""
        self.calls_per_key = 1 if preserve_order else workers or 1
        self.preserve_order = preserve_order
        self._held: set[Hashable] = set()
        """Keys with a chunk that waits for its retry, which the next ones must not overtake."""
        self._buffers: dict[Hashable, Buffer] = {}
        self._lanes: dict[Hashable, deque[Chunk]] = {}
        """Chunks ready to be sent."""
        self._free: dict[Hashable, None] = {}
        """Keys, in turn, with something in their lane that may be sent now."""
        self._busy: dict[Hashable, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, Chunk] = {}
        self._retries: dict[str, tuple[asyncio.TimerHandle, Chunk]] = {}
        self._draining = False
        self._waits = False
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
                    self._refuse(1, f"cannot be encoded: {type(error).__name__}: {error}", [(tag, events[0])], tag=tag)
                return
            for parcel in parcels:
                add(parcel, receipt)

        def accept_each(events: list[Event], receipt: Receipt) -> None:
            """Where dead letters are wanted it must be known which record an item comes from."""
            for event in events:
                try:
                    parcels = list(encode([event]))
                except Exception as error:
                    self._refuse(1, f"cannot be encoded: {type(error).__name__}: {error}", [(tag, event)], tag=tag)
                    continue
                for parcel in parcels:
                    add(parcel._replace(origins=[(tag, event)]), receipt)

        return accept if self.dead is None else accept_each

    def metrics_door(self, tag: str) -> Callable[[MetricSet, Receipt], None]:
        """Where the metrics of a tag come in. Only of outputs that take metrics."""
        assert isinstance(self.sink, TakesMetrics), "takes_metrics says so"
        encode = self.sink.metrics_encoder(tag)

        def accept(metrics: MetricSet, receipt: Receipt) -> None:
            origin = self._origin(tag, metrics)
            try:
                parcels = list(encode(metrics))
            except Exception as error:
                reason = f"cannot be encoded: {type(error).__name__}: {error}"
                self._refuse(len(metrics), reason, [origin] if origin else [], tag=tag)
                return
            for parcel in parcels:
                self._add(parcel._replace(origins=[origin]) if origin else parcel, receipt)

        return accept

    def _origin(self, tag: str, metrics: MetricSet) -> Origin | None:
        if self.dead is None:
            return None
        from pyrolens.records.codecs.prometheus import as_event  # few routers keep dead letters of metrics

        return tag, as_event(metrics)

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
        may = key not in self._held and self._busy.get(key, 0) < self.calls_per_key
        if may and key in self._lanes and key not in self._free:
            self._free[key] = None

    def _dispatch(self) -> None:
        loop = asyncio.get_running_loop()
        while self._free and len(self._tasks) < self.calls and not self._waits:
            if wait := self.pace.wait(loop.time()):
                if self._waker is None:
                    self._waker = loop.call_later(wait, self._wake)
                return
            self.pace.started(loop.time())
            key = next(iter(self._free))
            del self._free[key]
            lane = self._lanes[key]
            chunk = lane.popleft()
            if not lane:
                del self._lanes[key]
            self._busy[key] = self._busy.get(key, 0) + 1
            self._under_way[chunk.id] = chunk
            self._list(key)
            task = loop.create_task(self._send(chunk))
            self._tasks.add(task)
            task.add_done_callback(partial(self._sent, key))

    def _wake(self) -> None:
        self._waker = None
        self._dispatch()

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
        self._under_way.pop(chunk.id, None)
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
            self._keep(chunk, outcome.rejected)
        now = asyncio.get_running_loop().time()
        delivered = chunk.records - failed - refused
        if delivered:
            counters.records += delivered
            counters.bytes += chunk.size * delivered // chunk.records
            self._delivered_at = now
        if outcome.slow_down:
            self._slow_down(now)
        elif not retry:
            self.pace.went_well(now)
        if retry:
            rest = chunk if len(retry) == len(chunk.items) else self._part(chunk, list(retry), failed)
            # a destination that takes some of it, or asks for patience while it takes others, has not failed
            if delivered or (outcome.slow_down and now - self._delivered_at < SILENCE):
                rest.attempt -= 1
            elif self.policy.gives_up(chunk.attempt):
                self._give_up(rest, outcome.reason)
                return
            self._again(rest, outcome)
            return
        for receipt in chunk.receipts:
            receipt.release()

    def _slow_down(self, now: float) -> None:
        free = self.pace.rate is None
        self.pace.throttled(now)
        if free and self.pace.rate is not None:
            self.log.warning("the destination throttles; calls are held back", calls_per_second=self.pace.rate)

    def _give_up(self, chunk: Chunk, reason: str) -> None:
        self.counters.retries_failed += 1
        self.counters.dropped_records += chunk.records
        self.log.error(
            "the chunk is given up, its retries are used up",
            chunk=chunk.id,
            records=chunk.records,
            attempts=chunk.attempt,
            reason=reason,
        )
        self._keep(chunk, dict.fromkeys(range(len(chunk.items)), reason))
        for receipt in chunk.receipts:
            receipt.release()

    def _keep(self, chunk: Chunk, reasons: Mapping[int, str]) -> None:
        if chunk.origins:
            # items that one record was made into, or one reading of metrics, are one dead letter
            found = {id(origin): (origin, reason) for i, reason in reasons.items() for origin in [chunk.origins[i]]}
            for origin, reason in found.values():
                self._bury(origin, reason)

    def _bury(self, origin: Origin, reason: str) -> None:
        """Keep a record as a dead letter, if that is asked for."""
        if self.dead is None:
            return
        tag, event = origin
        try:
            self.dead.put(tag, event, reason)
        except OSError as error:
            self.log.error("a dead letter cannot be kept", reason=str(error))
        else:
            self.counters.counters["dead_letters"] = self.counters.counters.get("dead_letters", 0) + 1

    def _part(self, chunk: Chunk, indexes: list[int], records: int) -> Chunk:
        """The chunk with only these items. It keeps all receipts, for which items belong to which is not known."""
        items = [chunk.items[i] for i in indexes]
        weights = [chunk.weights[i] for i in indexes] if chunk.weights else None
        origins = [chunk.origins[i] for i in indexes] if chunk.origins else None
        size = chunk.size * len(items) // len(chunk.items)
        return Chunk(chunk.key, items, records, size, chunk.id, chunk.attempt, chunk.receipts, weights, origins)

    def _again(self, chunk: Chunk, outcome: Outcome) -> None:
        after = outcome.after
        if outcome.slow_down and after is None and self.pace.rate is not None:
            # the pace is the patience; the backoff is for failures
            after = min(1 / self.pace.rate, self.policy.cap)
        wait = self.policy.wait(max(chunk.attempt, 1), after, self._draining)
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
        if self.preserve_order:
            self._held.add(chunk.key)

    def _retry_now(self, id_: str) -> None:
        timer, chunk = self._retries.pop(id_)
        timer.cancel()
        self._held.discard(chunk.key)
        self._ready(chunk, first=True)

    def _refuse(self, records: int, reason: str, origins: Sequence[Origin] = (), **where: object) -> None:
        self.counters.errors += 1
        self.counters.dropped_records += records
        self.counters.rejected_records += records
        self.log.error("the destination will never take these records", records=records, reason=reason, **where)
        for origin in origins:
            self._bury(origin, reason)

    def reject(self, events: list[Event], tag: str, reason: str) -> None:
        """What OutputEnv.reject does."""
        self._refuse(len(events), reason, [(tag, event) for event in events], tag=tag)

    def wait(self) -> None:
        """Send nothing before go()."""
        self._waits = True

    def go(self) -> None:
        self._waits = False
        self._dispatch()

    # -- the end ----------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Nothing more comes in: deliver what is there in one's own time, retries as ever."""
        self.flush()
        await self._idle.wait()

    async def drain(self) -> None:
        """Deliver what is there; returns when nothing is left. Waiting retries are made now, and then each second."""
        self._draining = True
        self.flush()
        for id_ in list(self._retries):
            self._retry_now(id_)
        await self._idle.wait()
        if isinstance(self.sink, Keeper):
            await self.sink.drain()

    def _chunks(self) -> list[Chunk]:
        """All that are not delivered, but for the open ones."""
        lanes = [chunk for lane in self._lanes.values() for chunk in lane]
        return [*self._under_way.values(), *(chunk for _, chunk in self._retries.values()), *lanes]

    def left(self) -> tuple[int, int]:
        """Records and bytes that are not delivered."""
        chunks, buffers = self._chunks(), self._buffers.values()
        records = sum(c.records for c in chunks) + sum(b.records for b in buffers)
        return records, sum(c.size for c in chunks) + sum(b.size for b in buffers)

    def abandon(self, reason: str) -> None:
        """Nothing more will be sent: what is left becomes dead letters, if these are kept."""
        counters = self.counters
        for chunk in [*self._under_way.values(), *(chunk for lane in self._lanes.values() for chunk in lane)]:
            counters.waiting_chunks -= 1
            counters.waiting_records -= chunk.records
            counters.waiting_bytes -= chunk.size
        left = [*self._chunks(), *(buffer.cut() for buffer in self._buffers.values())]
        for timer, _ in self._retries.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._retries.clear()
        self._held.clear()
        self._lanes.clear()
        self._free.clear()
        self._buffers.clear()
        self._under_way.clear()
        for chunk in left:
            self._keep(chunk, dict.fromkeys(range(len(chunk.items)), reason))

    async def close(self) -> None:
        """Stop, whatever is left."""
        if self._waker:
            self._waker.cancel()
        for timer, _ in self._retries.values():
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sink.close()
        if self.dead:
            self.dead.close()
