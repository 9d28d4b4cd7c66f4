"""storage.path of a running router: the logs of its inputs, the spools of its outputs, and what earlier runs left."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from pyrolens.config import Built, Service
from pyrolens.delivery.delivery import Delivery
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.spool import PASSING, Spool
from pyrolens.options import spec_of
from pyrolens.plugin import Log, Output
from pyrolens.problems import ConfigError, Problem
from pyrolens.records.event import Event
from pyrolens.service.intake import InputRuntime, InputStore
from pyrolens.service.metrics import InputMetrics
from pyrolens.service.pressure import Pressure
from pyrolens.store.codec import unpack_batch
from pyrolens.store.folder import INPUTS, OUTPUTS, Folder, InUseError
from pyrolens.store.log import At
from pyrolens.store.log import Log as StoreLog
from pyrolens.store.segment import SEGMENT

Feed = Callable[[str, list[Event], Receipt], None]

CHUNK = 2_000_000
"""Bytes of what Fluent Bit counts as a chunk in storage.max_chunks_up."""
MORE = "~"
"""Stands before the number of another folder of the same output."""
WAITING = 0.5
"""Part of memory_limit that chunks which wait may take; the rest is for what is being read and sent."""
WAIT = 0.25
"""Seconds before what earlier runs left is looked at again, when there was no room for it."""
OWN = frozenset(
    {
        "alias", "dead_letter", "deliver_timeout", "log_level", "match", "match_regex", "preserve_order", "retry_limit",
        "workers",
    }
)  # fmt: skip
"""Options of an output that may change without its records becoming others, as may net.*, tls.* and what is secret."""


class Storage:
    """Opened before the inputs, closed after all else. It stays when the config is loaded again."""

    def __init__(self, service: Service, said: Log, metrics: InputMetrics) -> None:
        """`metrics`: of what earlier runs left."""
        self.service = service
        self.said = said
        self.folder = Folder(Path(service.storage_path or ""))
        self.backlog = Backlog(service.storage_backlog_mem_limit, said, metrics)
        self._pressure: Pressure | None = None
        self._logs: dict[str, StoreLog] = {}
        """All that are open, by what they are called."""
        self._stores: dict[str, InputStore] = {}
        """By the label of the input."""
        self._looked = False

    def take(self) -> None:
        """Take the folder for this process. Raises: ConfigError."""
        try:
            if not self.folder.open():
                self.said.warning("this file system knows no locks, so see to it that no other router has storage.path")
        except (OSError, InUseError) as why:
            raise self._refused(why) from None

    def _refused(self, why: OSError | InUseError) -> ConfigError:
        reason = (why.strerror or str(why)) if isinstance(why, OSError) else str(why)
        hint = "each router needs a storage.path of its own" if isinstance(why, InUseError) else ""
        message = f"storage.path '{self.folder.path}' cannot be used: {reason}"
        return ConfigError([Problem("no-storage", message, None, hint)])

    def open(
        self, inputs: Sequence[tuple[str, InputRuntime]], outputs: Sequence[tuple[Built[Output], Delivery]]
    ) -> None:
        """Give inputs (with their labels) their stores, and deliveries their spools. Raises: ConfigError."""
        try:
            for built, delivery in outputs:
                delivery.spool = self._spool(built)
            for label, env in inputs:
                if env.stores:
                    env.store = self._store(label, env)
            if not self._looked:
                self._looked = True
                self._look({label for label, _ in inputs})
        except OSError as why:
            raise self._refused(why) from None

    def _log(self, kind: str, name: str, *, reads_own: bool = False) -> StoreLog:
        """Raises: OSError."""
        log = StoreLog(
            self.folder.of(kind, name),
            partial(self._complain, f"{kind}/{name}"),
            self.folder.disk,
            reads_own=reads_own,
            sync=syncs(self.service),
            aside=self._aside,
            forgets=PASSING,
            later=lambda call: asyncio.get_running_loop().call_soon(call),
        )
        log.open()
        self._logs[f"{kind}/{name}"] = log
        return log

    @property
    def _aside(self) -> Path | None:
        return None if self.service.storage_delete_irrecoverable_chunks else self.folder.damaged

    def _complain(self, where: str, what: str, why: OSError) -> None:
        self.said.warning(what, where=where, reason=why.strerror or str(why))

    def _trouble(self, who: str, why: OSError | None) -> None:
        if self._pressure is not None:
            self._pressure.trouble(who, why)

    # -- inputs -------------------------------------------------------------------------------------------------

    def _store(self, label: str, env: InputRuntime) -> InputStore:
        """That of the input which had its name before, if the config was loaded again."""
        if label not in self._stores:
            log = self._log(INPUTS, label)
            self.backlog.add(label, log)
            self._stores[label] = InputStore(log, env.log, partial(self._trouble, f"input {label}"))
        return self._stores[label]

    def _look(self, inputs: set[str]) -> None:
        """What others left: inputs that store nothing now, or are not there, and outputs that are not."""
        for name in self.folder.names(INPUTS):
            if f"{INPUTS}/{name}" not in self._logs:
                log = self._log(INPUTS, name)
                if log.unread and name not in inputs:
                    self.said.warning(
                        "an input that is not there any more left records; they go on by their tags",
                        input=name,
                        records=log.unread_records,
                    )
                self.backlog.add(name, log)
        for name in self.folder.names(OUTPUTS):
            if f"{OUTPUTS}/{name}" not in self._logs:
                self._orphan(name)

    # -- outputs ------------------------------------------------------------------------------------------------

    def _spool(self, built: Built[Output]) -> Spool:
        """Raises: OSError."""
        name = f"{built.label}-{digest(built.plugin)}"
        if self._is_open(name):
            # of an output that is retiring, since other options of it changed; it is read with the rest next time
            name += next(more for n in count(2) if not self._is_open(name + (more := f"{MORE}{n}")))
        else:
            self._join(name)
        log = self._log(OUTPUTS, name, reads_own=True)
        if log.unread:
            self.said.info(
                "earlier runs left what could not be delivered; it is sent first",
                output=built.label,
                records=log.unread_records,
                bytes=log.unread_bytes,
            )
        return Spool(log, partial(self._trouble, f"output {built.label} {name}"))

    def _is_open(self, name: str) -> bool:
        log = self._logs.get(f"{OUTPUTS}/{name}")
        return log is not None and not log.closed

    def _join(self, name: str) -> None:
        """What stands in folders beside that of an output comes into it. Raises: OSError."""
        folder = self.folder.of(OUTPUTS, name)
        for other in self.folder.names(OUTPUTS):
            if other.startswith(f"{name}{MORE}") and not self._is_open(other):
                self.folder.disk.folder(folder)
                beside = self.folder.of(OUTPUTS, other)
                for path in sorted(beside.iterdir(), key=lambda path: path.suffix == SEGMENT):
                    path.rename(folder / path.name)  # journals first
                beside.rmdir()

    def _orphan(self, name: str) -> None:
        """What waits for an output that is not there, or that would send it to another place, or in another form."""
        log = self._log(OUTPUTS, name)
        if log.unread:
            self.said.warning(
                "records wait on disk for an output that is not there any more, or has other options; they stay there",
                output=name.rpartition("-")[0],
                records=log.unread_records,
                bytes=log.unread_bytes,
                folder=str(log.folder),
                hint="start once with the output as it was, or remove the folder",
            )
        log.close()
        del self._logs[f"{OUTPUTS}/{name}"]

    def share_out(self, outputs: Sequence[tuple[Built[Output], Delivery]], service: Service, limit: int) -> None:
        """How much each output may hold in memory, and on disk. `limit`: memory_limit."""
        self.service = service
        for log in self._logs.values():
            log.sync = syncs(service)
            log.aside = self._aside
        share = (service.storage_max_chunks_up if service.storage_max_chunks_up > 0 else 128) * CHUNK
        if limit:
            share = min(share, int(limit * WAITING))
        for built, delivery in outputs:
            delivery.share = share // len(outputs)
            delivery.most = built.total_limit
        self.backlog.most = service.storage_backlog_mem_limit

    # -- running ------------------------------------------------------------------------------------------------

    def go_on(self, pressure: Pressure, ways: Mapping[str, Feed], other: Feed) -> None:
        """`ways`: those of the batches of inputs, by their labels. `other`: that of inputs that are not there."""
        self._pressure = pressure
        self.backlog.ways, self.backlog.other, self.backlog.full = ways, other, lambda: pressure.full

    def begin(self) -> None:
        """Once all is open: read what earlier runs left."""
        self.backlog.begin()

    def tend(self) -> None:
        """To be called every now and then."""
        if self._pressure is not None:
            self._pressure.tend()
        for where, log in self._logs.items():
            log.tend()
            while log.damaged:
                path, size = log.damaged.pop()
                self.said.error(
                    "what is on disk is damaged; the good part of it was read",
                    where=where,
                    bytes=size,
                    to=str(log.aside / log.aside_name(path)) if log.aside else "removed",
                )
            if log.torn:
                self.said.info("the last run ended within a write, which nobody was told of", where=where)
                log.torn = 0

    def close(self) -> None:
        self.backlog.end()
        for store in self._stores.values():
            store.close()
        for log in self._logs.values():
            log.close()
        self.tend()
        if self._pressure is not None:
            self._pressure.tend(last=True)
        self._stores.clear()
        self._logs.clear()
        self.folder.close()


class Backlog:
    """What inputs of earlier runs had taken in: read again, oldest first, beside what comes in now."""

    def __init__(self, most: int, said: Log, metrics: InputMetrics) -> None:
        """`most`: bytes that may be on their way."""
        self.most = most
        self.said = said
        self.metrics = metrics
        metrics.stores = True
        self.ways: Mapping[str, Feed] = {}
        """By the label of an input: the way of its batches."""
        self.other: Feed = lambda tag, events, receipt: None
        """The way of batches of any other input."""
        self.full: Callable[[], bool] = lambda: False
        """Whether there is no room for more."""
        self._logs: list[tuple[str, StoreLog]] = []
        """With the labels of their inputs."""
        self._next: asyncio.Handle | None = None
        self._ended = True
        self.idle = asyncio.Event()
        """Nothing is left to be read."""

    def add(self, label: str, log: StoreLog) -> None:
        if log.unread:
            self._logs.append((label, log))
            self._count()

    def _count(self) -> None:
        self.metrics.unread = sum(log.unread for _, log in self._logs)

    @property
    def records(self) -> int:
        """Those that are still to be read."""
        return sum(log.unread_records for _, log in self._logs)

    def begin(self) -> None:
        if self._logs:
            self.said.info(
                "earlier runs left records; they go on now",
                records=self.records,
                bytes=sum(log.unread_bytes for _, log in self._logs),
            )
            self._ended = False
            self._soon()
        else:
            self.idle.set()

    def _soon(self) -> None:
        if self._logs and self._next is None and not self._ended:
            self._next = asyncio.get_running_loop().call_soon(self._more)

    def _more(self) -> None:
        self._next = None
        if self._ended:
            return
        if self.full():
            self._next = asyncio.get_running_loop().call_later(WAIT, self._more)
            return
        if self.metrics.unsettled >= self.most > 0:
            return  # what settles goes on with it
        label, log = min(self._logs, key=lambda one: one[1].oldest or "~")
        try:
            frame = log.next()
        except OSError as why:
            self.said.error("what earlier runs left cannot be read", where=log.folder, reason=why.strerror or str(why))
        else:
            if frame is not None:
                self._feed(label, log, frame.kind, frame.body, frame.at)
        self._logs = [one for one in self._logs if one[1].unread]
        self._count()
        if self._logs:
            self._soon()
        else:
            self.idle.set()

    def _feed(self, label: str, log: StoreLog, kind: int, body: bytes, at: At) -> None:
        try:
            tag, events = unpack_batch(kind, body)
        except ValueError as why:
            self.said.error("a batch of an earlier run cannot be understood", where=log.folder, reason=str(why))
            log.settle(at)
            return
        metrics = self.metrics
        metrics.records += len(events)
        metrics.bytes += len(body)
        metrics.unsettled += len(body)

        def settled(receipt: Receipt) -> None:
            metrics.open.pop(receipt, None)
            metrics.unsettled -= receipt.size
            log.settle(at)
            self._soon()

        receipt = Receipt(len(body), settled)
        metrics.open[receipt] = time.monotonic()
        self.ways.get(label, self.other)(tag, events, receipt)

    async def finish(self) -> None:
        """Returns when all is read."""
        await self.idle.wait()

    def end(self) -> None:
        """Read no more; what is left stays on disk."""
        self._ended = True
        if self._next:
            self._next.cancel()
            self._next = None


def syncs(service: Service) -> bool:
    return service.storage_sync.lower() == "full"


def digest(plugin: Output) -> str:
    """Of all options that say where an output sends its records, and in what form."""
    said = hashlib.sha256(plugin.name.encode())
    for spec in spec_of(type(plugin)):
        if spec.name.lower() in OWN or spec.name.startswith(("net.", "tls.")) or spec.kind.secret:
            continue
        holder = getattr(plugin, spec.group) if spec.group else plugin
        said.update(f"\0{spec.name}={shown(getattr(holder, spec.field))}".encode("utf-8", "surrogateescape"))
    return said.hexdigest()[:8]


def shown(value: Any) -> str:
    """Without the places in a config that some options remember."""
    if isinstance(value, list):
        return repr([shown(one) for one in value])
    if isinstance(value, tuple):
        return repr([one for one in value if isinstance(one, str)])
    return repr(value)
