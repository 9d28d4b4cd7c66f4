"""The delivery of one output: what its sink says happened is decided on here, and nowhere else.

Records of one key are delivered in order, one call at a time (as many as Workers says, where the user says it); while
a chunk waits for its retry the next ones go on, or with preserve_order wait for it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Protocol

from pyrolens.delivery.buffer import Buffer
from pyrolens.delivery.dead_letters import DeadLetters
from pyrolens.delivery.memory import Memory, cost
from pyrolens.delivery.outcome import Chunk, Keeper, Origin, Outcome, Parcel, Sink, TakesMetrics
from pyrolens.delivery.pace import Pace
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.delivery.spool import FROM_DISK, Spool
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
    stored_chunks: int
    stored_records: int
    stored_bytes: int
    counters: dict[str, int]


GONE = "not delivered before the router stopped"
SILENCE = 60.0
"""Seconds without a call that delivered something, after which throttling answers count as failures."""


def age(chunk: Chunk) -> tuple[bool, int]:
    """The less, the older: those that were on disk come first."""
    return not chunk.id.startswith(FROM_DISK), int(chunk.id.removeprefix(FROM_DISK), 16)


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
        self.timeout = 0.0
        """Seconds that a call may take; 0: any time."""
        self.memory = Memory()
        """The account of all outputs."""
        self.used = 0
        """Bytes of memory that this one uses of it."""
        self.spool: Spool | None = None
        """Where chunks wait that are more than its share; None: in memory, too."""
        self.share = 0
        """Bytes of memory, from which on chunks go to the spool."""
        self.most = 0
        """Bytes that may wait, also on disk; then the oldest go. 0: any."""
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
        self._over = False
        """What is on disk stays there."""
        self._told = 0, 0, 0
        """What the counters say of what is on disk."""
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
        before = cost(buffer)
        for chunk in buffer.add(parcel, receipt):
            self._grow(cost(chunk) - before)
            before = 0
            self._ready(chunk)
        self._grow(cost(buffer) - before)

    def _grow(self, size: int) -> None:
        self.used += size
        self.memory.add(size)

    def flush(self) -> None:
        """Send all that waits for company. To be called every now and then."""
        if self.spool is not None and self.spool.waits and not self._over:
            self._tend(self.spool)
        if self._buffers:
            buffers, self._buffers = self._buffers, {}
            for buffer in buffers.values():
                if buffer.items:
                    self._ready(buffer.cut())

    # -- out --------------------------------------------------------------------------------------------------

    def _ready(self, chunk: Chunk) -> None:
        self._idle.clear()
        spool = self.spool
        if spool is None or not self._overflows(spool) or not self._store(spool, chunk):
            self._line_up(chunk)
        if self.most:
            self._trim()

    def _overflows(self, spool: Spool) -> bool:
        """What comes now waits on disk."""
        return spool.waits or (self.used > self.share and bool(self._tasks or self._lanes or self._retries))

    def _line_up(self, chunk: Chunk, *, first: bool = False) -> None:
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
        on_disk = self.spool is not None and self.spool.waits and not self._over
        if on_disk and self.spool is not None:
            self._refill(self.spool)
            on_disk = self.spool.waits
        if not self._tasks and not self._lanes and not self._retries and not on_disk:
            self._idle.set()
        if not task.cancelled() and (error := task.exception()):
            raise error  # a bug of ours; the loop's handler logs it

    async def _send(self, chunk: Chunk) -> None:
        chunk.attempt += 1
        self.counters.calls += 1
        limit = asyncio.timeout(self.timeout or None)
        try:
            async with limit:
                outcome = await self.sink.deliver(chunk)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if limit.expired():
                self._count("timeouts")
                reason = f"the call was given up after {self.timeout:g} s (deliver_timeout)"
            outcome = Outcome.again(chunk, reason)
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
            self._slow_down(now, failed / chunk.records if chunk.records else 1.0)
        elif not retry:
            self.pace.went_well(now)
        if retry:
            rest = chunk
            if len(retry) < len(chunk.items):
                rest = self._part(chunk, list(retry), failed)
                self._grow(cost(rest) - cost(chunk))
            # a destination that takes some of it, or asks for patience while it takes others, has not failed
            if delivered or (outcome.slow_down and now - self._delivered_at < SILENCE):
                rest.attempt -= 1
            elif self.policy.gives_up(chunk.attempt):
                self._give_up(rest, outcome.reason)
                return
            self._again(rest, outcome)
            return
        self._done(chunk)

    def _done(self, chunk: Chunk) -> None:
        """Nothing of it is left to do."""
        self._grow(-cost(chunk))
        for receipt in chunk.receipts:
            receipt.release()

    def _count(self, counter: str, n: int = 1) -> None:
        self.counters.counters[counter] = self.counters.counters.get(counter, 0) + n

    def _slow_down(self, now: float, share: float) -> None:
        free = self.pace.rate is None
        self.pace.throttled(now, share)
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
        self._done(chunk)

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
            self._count("dead_letters")

    def _part(self, chunk: Chunk, indexes: list[int], records: int) -> Chunk:
        """The chunk with only these items. It keeps all receipts, for which items belong to which is not known."""
        items = [chunk.items[i] for i in indexes]
        weights = [chunk.weights[i] for i in indexes] if chunk.weights else None
        origins = [chunk.origins[i] for i in indexes] if chunk.origins else None
        size = chunk.size * len(items) // len(chunk.items)
        return Chunk(chunk.key, items, records, size, chunk.id, chunk.attempt, chunk.receipts, weights, origins)

    def _again(self, chunk: Chunk, outcome: Outcome) -> None:
        after = outcome.after
        if outcome.slow_down and after is None:
            # the backoff is for failures
            after = min(self.pace.patience, self.policy.cap)
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
        self._wait(chunk, wait)

    def _wait(self, chunk: Chunk, seconds: float) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self._retry_now, chunk.id)
        self._retries[chunk.id] = timer, chunk
        if self.preserve_order:
            self._held.add(chunk.key)

    def _retry_now(self, id_: str) -> None:
        timer, chunk = self._retries.pop(id_)
        timer.cancel()
        self._held.discard(chunk.key)
        self._line_up(chunk, first=True)

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

    # -- on disk ----------------------------------------------------------------------------------------------

    def _store(self, spool: Spool, chunk: Chunk, due: float = 0.0) -> bool:
        """The chunk waits on disk from now on; if that takes nothing, in memory behind those on disk. False: it cannot
        be stored, as it may be with metrics, of which the next reading says all again."""
        try:
            if spool.put(chunk, due):
                self._grow(-cost(chunk))
        except TypeError:
            return False
        self._tell(spool)
        return True

    def _tell(self, spool: Spool) -> None:
        counters, (chunks, records, size) = self.counters, self._told
        self._told = spool.chunks, spool.records, spool.size
        # another delivery may count there, too: that of an output of which the options changed
        counters.stored_chunks += spool.chunks - chunks
        counters.stored_records += spool.records - records
        counters.stored_bytes += spool.size - size
        self.memory.spools(spool, spool.waits)

    def _refill(self, spool: Spool) -> None:
        """Read what waits on disk, as much as half of the share has room for."""
        while spool.waits and (2 * self.used < self.share or not (self._tasks or self._lanes or self._retries)):
            self._read(spool)
        self._tell(spool)

    def _read(self, spool: Spool) -> None:
        """The next chunk of those on disk is one to be sent."""
        found = self._taken(spool)
        if found is not None:
            chunk, due = found
            wait = due - time.time()
            if wait > 0 and not self._draining:
                self._wait(chunk, min(wait, self.policy.cap))
            else:
                self._line_up(chunk)

    def _taken(self, spool: Spool) -> tuple[Chunk, float] | None:
        """None: it could not be read."""
        on_disk = spool.chunks > 0
        try:
            found = spool.take()
        except (OSError, ValueError) as why:
            self._count("unreadable_chunks")
            self.log.error("what waits on disk cannot be read", reason=getattr(why, "strerror", None) or str(why))
            return None
        if found is not None and on_disk:
            self._grow(cost(found[0]))
        return found

    def resume(self) -> None:
        """Begin with what earlier runs left on disk."""
        if self.spool is not None and self.spool.waits:
            self._idle.clear()
            self._refill(self.spool)

    def _tend(self, spool: Spool) -> None:
        for chunk in spool.retry():
            self._grow(-cost(chunk))
        if 2 * self.used >= self.share and self._retries and not self.preserve_order:
            self._make_way(spool)
        self._refill(spool)

    def _make_way(self, spool: Spool) -> None:
        """What the destination does not take must not fill the memory while it takes others. If it takes nothing,
        one other is tried each time."""
        now = asyncio.get_running_loop().time()
        alive = now - self._delivered_at < SILENCE
        if not alive and (self._tasks or self._lanes):
            return
        for timer, chunk in sorted(self._retries.values(), key=lambda one: -one[0].when()):
            if not self._store(spool, chunk, time.time() + timer.when() - now):
                continue
            timer.cancel()
            del self._retries[chunk.id]
            if not alive or 2 * self.used < self.share:
                break
        if not alive:
            self._read(spool)

    # -- what is too much -------------------------------------------------------------------------------------

    def _oldest(self, owner: object = None) -> Chunk | None:
        """Of those that wait in memory, and of the owner of all of its records if one is named; it is taken out."""
        waiting = [chunk for _, chunk in self._retries.values()]
        for lane in self._lanes.values():
            waiting += lane
        if owner is not None:
            waiting = [chunk for chunk in waiting if all(receipt.owner is owner for receipt in chunk.receipts)]
        chunk = min(waiting, key=age, default=None)
        if chunk is None:
            return None
        if chunk.id in self._retries:
            self._retries.pop(chunk.id)[0].cancel()
            self._held.discard(chunk.key)
            self._list(chunk.key)
        else:
            lane = self._lanes[chunk.key]
            lane.remove(chunk)
            if not lane:
                del self._lanes[chunk.key]
                self._free.pop(chunk.key, None)
            self.counters.waiting_chunks -= 1
            self.counters.waiting_records -= chunk.records
            self.counters.waiting_bytes -= chunk.size
        return chunk

    def drop_oldest(self, owner: object) -> Chunk | None:
        """Make room: the oldest chunk that waits and has records of this owner only goes. None: there is none."""
        chunk = self._oldest(owner)
        if chunk is None and any(buffer.items for buffer in self._buffers.values()):
            self.flush()
            chunk = self._oldest(owner)
        if chunk is not None:
            self._drop(chunk, "there was no room for it any more (storage.type memrb)")
        return chunk

    def _trim(self) -> None:
        """storage.total_limit_size: the oldest go. Those under way stay."""
        spool = self.spool
        while self.left()[1] + (spool.size if spool else 0) > self.most:
            chunk = self._oldest()
            if chunk is None and spool is not None and spool.waits:
                found = self._taken(spool)
                self._tell(spool)
                if found is None:
                    continue
                chunk = found[0]
            if chunk is None:
                return
            self._drop(chunk, "the output has more waiting than storage.total_limit_size")

    def _drop(self, chunk: Chunk, reason: str) -> None:
        self._count("evicted_chunks")
        self.counters.dropped_records += chunk.records
        self.log.warning(
            "the oldest chunk goes", chunk=chunk.id, records=chunk.records, bytes=chunk.size, reason=reason
        )
        self._keep(chunk, dict.fromkeys(range(len(chunk.items)), reason))
        self._done(chunk)
        self._dispatch()  # those of its key may have waited for it

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

    @property
    def unfinished(self) -> bool:
        """Something waits, in memory or on disk."""
        return bool(self.left()[0] or (self.spool and self.spool.waits))

    def left(self) -> tuple[int, int]:
        """Records and bytes in memory that are not delivered."""
        chunks, buffers = self._chunks(), self._buffers.values()
        if self.spool is not None:
            chunks += [chunk for chunk, _ in self.spool.unwritten]
        records = sum(c.records for c in chunks) + sum(b.records for b in buffers)
        return records, sum(c.size for c in chunks) + sum(b.size for b in buffers)

    def _take_out(self) -> list[Chunk]:
        """Nothing more will be sent: what is left in memory."""
        self._over = True
        counters = self.counters
        for chunk in [*self._under_way.values(), *(chunk for lane in self._lanes.values() for chunk in lane)]:
            counters.waiting_chunks -= 1
            counters.waiting_records -= chunk.records
            counters.waiting_bytes -= chunk.size
        left = [*self._chunks(), *(buffer.cut() for buffer in self._buffers.values() if buffer.items)]
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
        return left

    def park(self) -> int:
        """Keep on disk what is left in memory, to be sent first by the next run. Gives the records that could not be
        kept; they are gone, but for dead letters."""
        assert self.spool is not None
        records, size = self.left()
        lost = self.spool.park(self._take_out())
        self._tell(self.spool)
        missing = sum(chunk.records for chunk in lost)
        if records > missing:
            self._count("parked_records", records - missing)
            self.log.info(
                "parked on disk; it is sent first after the next start", records=records - missing, bytes=size
            )
        for chunk in lost:
            self._keep(chunk, dict.fromkeys(range(len(chunk.items)), GONE))
        return missing

    def abandon(self, reason: str = GONE) -> None:
        """What is left becomes dead letters, if these are kept."""
        for chunk in self._take_out():
            self._keep(chunk, dict.fromkeys(range(len(chunk.items)), reason))

    async def close(self) -> None:
        """Stop, whatever is left."""
        self._over = True
        if self._waker:
            self._waker.cancel()
        for timer, _ in self._retries.values():
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sink.close()
        if self.spool:
            self.spool.close()
        if self.dead:
            self.dead.close()
