"""How an input hands over what it takes in: receipts, the store, and what makes it stop reading."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import ANYWHERE, Pipeline
from pyrolens.pipeline.step import MetricsStep, Step, tell_overruns
from pyrolens.plugin import Input, Log, LogLine, Source
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet
from pyrolens.records.regex.budget import OVERRUNS
from pyrolens.service.envs import NOBODY, PluginEnv, count_in
from pyrolens.service.metrics import InputMetrics, Metrics
from pyrolens.store.codec import pack_batch
from pyrolens.store.log import At
from pyrolens.store.log import Log as StoreLog

RETRY = 1.0
"""Seconds between two tries to write to a disk that takes nothing."""
OWN_LIMIT = "Mem_Buf_Limit is reached"

Done = Callable[[], None]


class Press(Protocol):
    """Who may make an input stop besides itself."""

    def after(self, env: "InputRuntime") -> None:
        """It has handed over a batch."""


class NoPress:
    """There is none."""

    def after(self, env: "InputRuntime") -> None:
        pass


class Ring(Protocol):
    """Who can drop what waits of an input."""

    def make_room(self, owner: object, size: int) -> tuple[int, int]:
        """Drop the oldest chunks of this owner, of so many bytes at least. Gives chunks and bytes that went."""


class InputRuntime(PluginEnv):
    """Of an input: takes its batches, and stops it from reading while too much of them is unsettled."""

    source: Source
    plan: Input

    def __init__(
        self,
        tag: str,
        flush: float,
        limit: int,
        pipeline: Pipeline,
        processors: list[Step],
        metrics: InputMetrics,
        *args: Any,
    ) -> None:
        super().__init__(*args)
        self.tag = tag
        self.flush = flush
        self.metrics = metrics
        self.limit = limit
        self._pipeline = pipeline
        self._processors = processors
        self.way = ANYWHERE
        self.of_metrics: list[MetricsStep] = []
        """Its processors of metrics."""
        self.router: Metrics = Metrics()
        """The counters of the whole router."""
        self.listeners: list[Callable[[LogLine], None]] = []
        """Those of the log. `outputs`: the names of those that its records may come to."""
        self.outputs: Container[str] = ()
        self.stores = False
        """Its batches are kept on disk until they have settled."""
        self.store: InputStore | None = None
        """Where; once the router has started."""
        self.pauses_over_limit = False
        """It stops reading while what waits for an output is on disk."""
        self.ring: Ring | None = None
        """It does not stop at its limit, but lets its oldest records go."""
        self.press: Press = NoPress()
        self._reasons: dict[str, None] = {}
        """Why it does not read now."""
        self._heir: InputRuntime | None = None
        """The one that has its name now, since the config was loaded again."""

    async def start(self) -> None:
        """Raises: ConfigError."""
        metrics = self.metrics
        metrics.limit, metrics.stores = self.limit, self.stores
        if metrics.paused:
            metrics.resume()  # the one before it was
        await self.source.start()
        # the config was loaded again, and what came in before may not be settled yet
        self._look()

    def succeed(self, new: "InputRuntime | None") -> None:
        """Its time is over. What is still to settle may end the pause of the one that has its name now."""
        self._heir = new
        self._reasons.clear()
        self.source = new.source if new else NOBODY
        if new is None and self.metrics.paused:
            self.metrics.resume()

    def first_of(self, processors: int) -> Step | None:
        """The first processor, if there are so many; in front of it may be what the input itself does."""
        return self._processors[-processors] if processors else None

    def go_on_as(self, new: "InputRuntime") -> None:
        """The source stays, and its batches go the ways of `new`."""
        self.tag, self.flush, self.log, self.way = new.tag, new.flush, new.log, new.way
        self.outputs = new.outputs
        self._pipeline, self._processors, self._parsers = new._pipeline, new._processors, new._parsers
        self.of_metrics, self.router = new.of_metrics, new.router
        self.stores, self.store, self.ring = new.stores, new.store, new.ring
        self.metrics.stores = new.stores
        self.press, self.pauses_over_limit = new.press, new.pauses_over_limit

    def ingest(
        self,
        tag: str,
        events: list[Event],
        size: int,
        settled: Done | None = None,
        *,
        stored: Done | None = None,
        delivered: Done | None = None,
    ) -> None:
        metrics = self.metrics
        if OVERRUNS:
            # of its parser, or of the lines that it joined
            tell_overruns(metrics.counters, self.log, tag=tag)
        metrics.records += len(events)
        metrics.bytes += size
        if self.ring is not None and 0 < metrics.limit <= metrics.unsettled and not self._make_room(self.ring, size):
            self.count("memrb_refused_records", len(events))
            for done in (stored, settled, delivered):
                if done:
                    done()
            return
        metrics.unsettled += size
        owner = None if self.ring is None else self
        receipt = Receipt(size, self._settle, owner, firm=delivered is not None)
        for done in (settled, delivered):
            if done is not None:
                receipt.then(done)
        metrics.open[receipt] = time.monotonic()
        if self.store is not None and not receipt.theirs:
            self.store.keep(tag, events, receipt, stored)
            stored = None
        self._pipeline.feed(tag, events, receipt, self._processors, self.way)
        if stored is not None:
            stored()
        self._look()
        self.press.after(self)

    def _look(self) -> None:
        """Stop reading at the limit. What is on disk, or in a ring, has other bounds."""
        metrics = self.metrics
        if 0 < metrics.limit <= metrics.unsettled and self.ring is None and not self.stores:
            self.hold(OWN_LIMIT, unsettled=metrics.unsettled, limit=metrics.limit)

    def publish(self, tag: str, metrics: MetricSet) -> None:
        """A reading of metrics. It is not stored: the next one says it again. Its source, if it has one, is whom the
        input has it from."""
        size = metrics.size
        count_in(self.metrics, metrics)
        self.metrics.unsettled += size
        receipt = Receipt(size, self._settle)
        self.metrics.open[receipt] = time.monotonic()
        source = f"{self.name} {metrics.source}" if metrics.source else self.name
        self._pipeline.publish(tag, replace(metrics, source=source), receipt, self.of_metrics)
        self._look()
        self.press.after(self)

    def own_metrics(self) -> MetricSet:
        from pyrolens.service.exposition import all_metrics  # most routers do not send their own metrics

        return all_metrics(self.router)

    def listen(self, take: Callable[[LogLine], None]) -> Callable[[], None]:
        self.listeners.append(take)
        return partial(self.listeners.remove, take)

    def leads_to(self, output: str) -> bool:
        return output in self.outputs

    def again(self, tag: str, events: list[Event], receipt: Receipt) -> None:
        """A batch of an earlier run goes the way that it would have gone."""
        self._pipeline.feed(tag, events, receipt, self._processors, self.way)

    def _settle(self, receipt: Receipt) -> None:
        metrics = self.metrics
        metrics.open.pop(receipt, None)
        metrics.unsettled -= receipt.size
        env = self
        while env._heir is not None:
            env = env._heir
        if env._reasons and (metrics.unsettled < metrics.limit or not metrics.limit):
            env.let_go(OWN_LIMIT)

    def _make_room(self, ring: Ring, size: int) -> bool:
        chunks, dropped = ring.make_room(self, size)
        if chunks:
            self.count("memrb_dropped_chunks", chunks)
            self.count("memrb_dropped_bytes", dropped)
        return dropped >= size or self.metrics.unsettled < self.metrics.limit

    # -- stopping and going on ----------------------------------------------------------------------------------

    def hold(self, reason: str, **fields: object) -> None:
        """Do not read, for one reason more."""
        if reason in self._reasons:
            return
        self._reasons[reason] = None
        if len(self._reasons) == 1:
            self.metrics.pause()
            self.log.warning(f"paused: {reason}", **fields)
            self.source.pause()

    def let_go(self, reason: str) -> None:
        """Read on, if there is no other reason not to."""
        if reason not in self._reasons:
            return
        del self._reasons[reason]
        if not self._reasons:
            self.metrics.resume()
            self.log.info("resumed", unsettled=self.metrics.unsettled)
            self.source.resume()


class Kept:
    """A batch in the store, or on its way there."""

    __slots__ = ("at", "body", "kind", "log", "records", "settled", "stored")

    def __init__(self, log: StoreLog, kind: int, records: int, body: bytes, stored: Done | None) -> None:
        self.log = log
        self.kind = kind
        self.records = records
        self.body = body
        self.stored = stored
        self.at: At | None = None
        self.settled = False

    def settle(self) -> None:
        self.settled = True
        if self.at is not None:
            self.log.settle(self.at)

    def done(self) -> None:
        """It is stored, or needs not be any more."""
        self.body = b""
        if self.stored is not None:
            self.stored()
            self.stored = None


class InputStore:
    """The log of an input. `trouble` is told when the disk takes nothing, and with None when it does again."""

    def __init__(self, log: StoreLog, said: Log, trouble: Callable[[OSError | None], None]) -> None:
        self.log = log
        self._said = said
        self._trouble = trouble
        self._waiting: deque[Kept] = deque()
        """What the disk has not taken."""
        self._uncommitted: list[Kept] = []
        self._timer: asyncio.TimerHandle | None = None

    def keep(self, tag: str, events: Sequence[Event], receipt: Receipt, stored: Done | None) -> None:
        """Store a batch until its receipt settles."""
        try:
            kind, body = pack_batch(tag, list(events) if type(events) is not list else events)
        except (TypeError, ValueError) as why:
            self._said.error("a batch cannot be stored", tag=tag, records=len(events), reason=str(why))
            if stored:
                stored()
            return
        kept = Kept(self.log, kind, len(events), body, stored)
        receipt.then(kept.settle)
        if self._waiting or not self._write(kept):
            self._waiting.append(kept)

    def _write(self, kept: Kept) -> bool:
        log = self.log
        try:
            kept.at = log.append(kept.kind, kept.records, kept.body)
        except OSError as why:
            self._fails(why)
            return False
        if not log.sync:
            kept.done()
            return True
        if not self._uncommitted:
            # what comes in at the same time is confirmed at the same time
            asyncio.get_running_loop().call_soon(self._commit)
        self._uncommitted.append(kept)
        return True

    def _commit(self) -> bool:
        """False: the disk confirms nothing."""
        batch, self._uncommitted = self._uncommitted, []
        if not batch:
            return True
        try:
            self.log.commit()
        except OSError as why:
            # nobody knows what of it is there, so it is written again
            for kept in batch:
                at, kept.at = kept.at, None
                if at is not None and not kept.settled:
                    self.log.settle(at)
            self._waiting.extendleft(reversed(batch))
            self._fails(why)
            return False
        for kept in batch:
            kept.done()
        return True

    def _fails(self, why: OSError) -> None:
        self._trouble(why)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(RETRY, self._retry)

    def _retry(self) -> None:
        self._timer = None
        while self._waiting:
            kept = self._waiting[0]
            if kept.settled:
                kept.done()
            elif not self._write(kept):
                return
            self._waiting.popleft()
        if self._commit():
            self._trouble(None)

    def close(self) -> None:
        """What could not be stored is forgotten here; outputs have what is left of it."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._uncommitted:
            self._commit()
        if self._timer:
            self._timer.cancel()
        self.log.close()
