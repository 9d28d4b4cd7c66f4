"""The delivery of one output: what its sink says happened is decided on here, and nowhere else.

Records of one key are delivered in order, one call at a time (as many as Workers says, where the user says it); while
a chunk waits for its retry the next ones go on, or with preserve_order wait for it.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from functools import partial

from pyrolens.delivery.books import Books, OutputCounters
from pyrolens.delivery.buffer import Buffer, new_id
from pyrolens.delivery.dead_letters import DeadLetters
from pyrolens.delivery.doors import door, metrics_door
from pyrolens.delivery.lanes import Lanes
from pyrolens.delivery.memory import Memory, cost
from pyrolens.delivery.outcome import Chunk, Keeper, Outcome, Parcel, Sink, TakesMetrics
from pyrolens.delivery.pace import Pace
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retries import Retries
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.delivery.spool import FROM_DISK, Spool, theirs
from pyrolens.plugin import Log
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet

GONE = "not delivered before the router stopped"
DIVISIONS = 40
"""Calls that may be made in halves, one more for each that delivers something."""
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
        self.books = Books(counters, log, dead)
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
        self.calls = workers or sink.limits.calls
        """Calls that may be under way."""
        self.preserve_order = preserve_order
        self._buffers: dict[tuple[Hashable, bool, bool], Buffer] = {}
        self._lanes = Lanes(1 if preserve_order else workers or 1)
        self._retries = Retries(self._due)
        self._under_way: dict[str, Chunk] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waker: asyncio.TimerHandle | None = None
        self._delivered_at = -SILENCE
        self._divisions = DIVISIONS
        self._draining = False
        self._waits = False
        self._over = False
        """What is on disk stays there."""
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def dead(self) -> DeadLetters | None:
        """Where records go that are refused or given up; None: nowhere."""
        return self.books.dead

    @dead.setter
    def dead(self, dead: DeadLetters | None) -> None:
        self.books.dead = dead

    # -- in ---------------------------------------------------------------------------------------------------

    def door(self, tag: str) -> Callable[[list[Event], Receipt], None]:
        """Where the records of a tag come in."""
        return door(self.sink, tag, self.books, self._add)

    def metrics_door(self, tag: str) -> Callable[[MetricSet, Receipt], None]:
        """Where the metrics of a tag come in. Only of outputs that take metrics."""
        assert isinstance(self.sink, TakesMetrics), "takes_metrics says so"
        return metrics_door(self.sink, tag, self.books, self._add)

    def _add(self, parcel: Parcel, receipt: Receipt) -> None:
        # what its senders still have is nothing that a later run needs, so it has chunks of its own
        kind = parcel.key, receipt.theirs, parcel.origins is None
        buffer = self._buffers.get(kind)
        if buffer is None:
            buffer = self._buffers[kind] = Buffer(parcel.key, self.sink.limits)
        before = cost(buffer)
        for chunk in buffer.add(parcel, receipt):
            self._grow(cost(chunk) - before)
            before = 0
            self._ready(chunk)
        self._grow(cost(buffer) - before)

    def _grow(self, size: int) -> None:
        self.used += size
        self.memory.add(size)

    def reject(self, events: list[Event], tag: str, reason: str) -> None:
        """What OutputEnv.reject does, within a call of encode."""
        origins = [(tag, event) for event in events]
        self.books.refuse(len(events), reason, origins, [self.books.encoding], tag=tag)

    def flush(self) -> None:
        """Send all that waits for company. To be called every now and then."""
        self.books.bury()
        if self._on_disk:
            self._tend(self._on_disk)
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

    def _line_up(self, chunk: Chunk, *, first: bool = False) -> None:
        self._idle.clear()
        self.books.waits(chunk)
        self._lanes.add(chunk, first=first)
        self._dispatch()

    def _dispatch(self) -> None:
        loop = asyncio.get_running_loop()
        while self._lanes.open and len(self._tasks) < self.calls and not self._waits:
            if wait := self.pace.wait(loop.time()):
                if self._waker is None:
                    self._waker = loop.call_later(wait, self._wake)
                return
            self.pace.started(loop.time())
            chunk = self._lanes.take()
            self._under_way[chunk.id] = chunk
            task = loop.create_task(self._send(chunk))
            self._tasks.add(task)
            task.add_done_callback(partial(self._sent, chunk))

    def _wake(self) -> None:
        self._waker = None
        self._dispatch()

    def wait(self) -> None:
        """Send nothing before go()."""
        self._waits = True

    def go(self) -> None:
        self._waits = False
        self._dispatch()

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
                self.books.count("timeouts")
                reason = f"the call was given up after {self.timeout:g} s (deliver_timeout)"
            outcome = Outcome.again(chunk, reason)
        self._under_way.pop(chunk.id, None)
        self._settle(chunk, outcome)

    def _sent(self, chunk: Chunk, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._lanes.done(chunk)
        self._dispatch()
        if self._on_disk:
            self._refill(self._on_disk)
        if not self._moves and not self._on_disk:
            self._idle.set()
        if not task.cancelled() and (error := task.exception()):
            raise error  # a bug of ours; the loop's handler logs it

    @property
    def _moves(self) -> bool:
        """Something in memory is on its way."""
        return bool(self._tasks or self._lanes or self._retries)

    # -- what became of a call --------------------------------------------------------------------------------

    def _settle(self, chunk: Chunk, outcome: Outcome) -> None:
        self.books.waits(chunk, -1)
        now = asyncio.get_running_loop().time()
        if outcome.for_one and len(chunk.items) > 1 and self._may_divide(now):
            self._divide(chunk, outcome.reason)
            return
        retry = outcome.retry
        failed = chunk.records_of(retry) if retry else 0
        delivered = chunk.records - failed - self.books.rejected(chunk, outcome)
        if delivered:
            self.books.delivered(chunk, delivered)
            self._delivered_at = now
            self._divisions = min(self._divisions + 1, DIVISIONS)
        if outcome.slow_down:
            self._slow_down(now, failed / chunk.records if chunk.records else 1.0)
        elif not retry:
            self.pace.went_well(now)
        if not retry:
            self._done(chunk)
            return
        rest = chunk
        if len(retry) < len(chunk.items):
            rest = chunk.part(list(retry), failed)
            self._grow(cost(rest) - cost(chunk))
        # a destination that takes some of it, or asks for patience while it takes others, has not failed
        if delivered or (outcome.slow_down and now - self._delivered_at < SILENCE):
            rest.attempt -= 1
        elif self.policy.gives_up(chunk.attempt):
            self.books.given_up(rest, outcome.reason)
            self._done(rest)
            return
        self._again(rest, outcome)

    def _may_divide(self, now: float) -> bool:
        """Where the destination takes others, and does not refuse most of them."""
        return self._divisions > 0 and now - self._delivered_at < SILENCE

    def _divide(self, chunk: Chunk, reason: str) -> None:
        """Send it in two calls, so that what is wrong with some of it is found and the rest is not lost with it."""
        self._divisions -= 1
        middle, items = len(chunk.items) // 2, range(len(chunk.items))
        first, second = [chunk.part(part, chunk.records_of(part)) for part in (items[:middle], items[middle:])]
        second.id = new_id()
        for half in (first, second):
            half.attempt -= 1
        for receipt in chunk.receipts:
            receipt.hold()
        self._grow(cost(first) + cost(second) - cost(chunk))
        self.books.divided(chunk, reason)
        self._line_up(second, first=True)
        self._line_up(first, first=True)

    def _done(self, chunk: Chunk) -> None:
        """Nothing of it is left to do."""
        self._grow(-cost(chunk))
        for receipt in chunk.receipts:
            receipt.release()

    def _slow_down(self, now: float, share: float) -> None:
        free = self.pace.rate is None
        self.pace.throttled(now, share)
        if free and self.pace.rate is not None:
            self.log.warning("the destination throttles; calls are held back", calls_per_second=self.pace.rate)

    def _again(self, chunk: Chunk, outcome: Outcome) -> None:
        after = outcome.after
        if outcome.slow_down and after is None:
            # the backoff is for failures
            after = min(self.pace.patience, self.policy.cap)
        wait = self.policy.wait(max(chunk.attempt, 1), after, self._draining)
        self.books.again(chunk, outcome.reason, wait)
        self._wait(chunk, wait)

    def _wait(self, chunk: Chunk, seconds: float) -> None:
        self.books.waits(chunk)
        self._retries.add(chunk, seconds)
        if self.preserve_order:
            self._lanes.hold(chunk.key)

    def _due(self, chunk: Chunk) -> None:
        self.books.waits(chunk, -1)
        self._lanes.let_go(chunk.key)
        self._line_up(chunk, first=True)

    # -- on disk ----------------------------------------------------------------------------------------------

    @property
    def _on_disk(self) -> Spool | None:
        """The spool, if something waits in it that is to be sent."""
        return self.spool if self.spool is not None and self.spool.waits and not self._over else None

    def _overflows(self, spool: Spool) -> bool:
        """What comes now waits on disk."""
        return spool.waits or (self.used > self.share and self._moves)

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
        self.books.stored(spool)
        self.memory.spools(spool, spool.waits)

    def resume(self) -> None:
        """Begin with what earlier runs left on disk."""
        if self.spool is not None and self.spool.waits:
            self._idle.clear()
            self._refill(self.spool)

    def _refill(self, spool: Spool) -> None:
        """Read what waits on disk, as much as half of the share has room for."""
        while spool.waits and (2 * self.used < self.share or not self._moves):
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
            self.books.count("unreadable_chunks")
            self.log.error("what waits on disk cannot be read", reason=getattr(why, "strerror", None) or str(why))
            return None
        if found is not None and on_disk:
            self._grow(cost(found[0]))
        return found

    def _tend(self, spool: Spool) -> None:
        for chunk in spool.retry():
            self._grow(-cost(chunk))
        if 2 * self.used >= self.share and self._retries and not self.preserve_order:
            self._make_way(spool)
        self._refill(spool)

    def _make_way(self, spool: Spool) -> None:
        """What the destination does not take must not fill the memory while it takes others. If it takes nothing,
        one other is tried each time."""
        alive = asyncio.get_running_loop().time() - self._delivered_at < SILENCE
        if not alive and (self._tasks or self._lanes):
            return
        for seconds, chunk in self._retries.latest_first():
            if not self._store(spool, chunk, time.time() + seconds):
                continue
            self._retries.remove(chunk)
            self.books.waits(chunk, -1)
            if not alive or 2 * self.used < self.share:
                break
        if not alive:
            self._read(spool)

    # -- what is too much -------------------------------------------------------------------------------------

    def drop_oldest(self, owner: object) -> Chunk | None:
        """Make room: the oldest chunk that waits and has records of this owner only goes. None: there is none."""
        chunk = self._oldest(owner)
        if chunk is None and any(buffer.items for buffer in self._buffers.values()):
            self.flush()
            chunk = self._oldest(owner)
        if chunk is not None:
            self._drop(chunk, "there was no room for it any more (storage.type memrb)")
        return chunk

    def _oldest(self, owner: object = None) -> Chunk | None:
        """Of those that wait in memory, and of the owner of all of its records if one is named; it is taken out."""
        waiting: list[Chunk] = [*self._retries, *self._lanes]
        if owner is not None:
            waiting = [chunk for chunk in waiting if all(receipt.owner is owner for receipt in chunk.receipts)]
        chunk = min(waiting, key=age, default=None)
        if chunk is None:
            return None
        if chunk in self._retries:
            self._retries.remove(chunk)
            self._lanes.let_go(chunk.key)
        else:
            self._lanes.remove(chunk)
        self.books.waits(chunk, -1)
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
        self.books.evicted(chunk, reason)
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
        self._retries.all_now()
        await self._idle.wait()
        if isinstance(self.sink, Keeper):
            await self.sink.drain()

    @property
    def unfinished(self) -> bool:
        """Something waits, in memory or on disk."""
        return bool(self.left()[0] or (self.spool and self.spool.waits))

    @property
    def oldest(self) -> float | None:
        """When the oldest came of what is not delivered, on the monotonic clock; None: all is."""
        born = [chunk.born for chunk in self._chunks()]
        born += [buffer.born for buffer in self._buffers.values() if buffer.items]
        if self.spool is not None and (stored := self.spool.oldest) is not None:
            born.append(stored)
        return min(born, default=None)

    def left(self) -> tuple[int, int]:
        """Records and bytes in memory that are not delivered."""
        chunks, buffers = self._chunks(), self._buffers.values()
        if self.spool is not None:
            chunks += [chunk for chunk, _ in self.spool.unwritten]
        records = sum(c.records for c in chunks) + sum(b.records for b in buffers)
        return records, sum(c.size for c in chunks) + sum(b.size for b in buffers)

    def _chunks(self) -> list[Chunk]:
        """All that are not delivered, but for the open ones."""
        return [*self._under_way.values(), *self._retries, *self._lanes]

    def leave(self) -> int:
        """The router stops. What is left in memory and nobody else has is kept on disk, to be sent first by the next
        run. Gives the records that could not be kept; they are gone, but for dead letters."""
        spool, left = self.spool, self._take_out()
        if spool is not None:
            left += spool.waiting()
        ours = [chunk for chunk in left if not theirs(chunk)]
        lost = ours if spool is None else spool.park(ours)
        if spool is not None:
            self._tell(spool)
        unkept = {chunk.id for chunk in lost}
        self.books.left_to_senders([chunk for chunk in left if theirs(chunk)])
        self.books.parked([chunk for chunk in ours if chunk.id not in unkept])
        self.books.lost(lost, GONE)
        return sum(chunk.records for chunk in lost)

    def _take_out(self) -> list[Chunk]:
        """Nothing more will be sent: what is left in memory."""
        self._over = True
        for chunk in self._chunks():
            self.books.waits(chunk, -1)
        left = [*self._chunks(), *(buffer.cut() for buffer in self._buffers.values() if buffer.items)]
        for task in self._tasks:
            task.cancel()
        self._retries.clear()
        self._lanes.clear()
        self._buffers.clear()
        self._under_way.clear()
        return left

    async def close(self) -> None:
        """Stop, whatever is left."""
        self._over = True
        if self._waker:
            self._waker.cancel()
        self._retries.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sink.close()
        if self.spool:
            self.spool.close()
        self.books.close()
