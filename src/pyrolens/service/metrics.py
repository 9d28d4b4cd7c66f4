"""Counters of the running router: plain ints, so that counting on the hot path is `m.records += n`."""

import time
from collections.abc import Callable
from typing import Any

Counters = dict[str, int]
SCRAPES = "metrics_scrapes"
"""A counter of inputs that Fluent Bit has a name for: readings of metrics."""


class InputMetrics:
    """What one input has handed over."""

    __slots__ = (
        "bytes",
        "counters",
        "limit",
        "name",
        "open",
        "paused",
        "paused_at",
        "paused_before",
        "pauses",
        "plugin",
        "records",
        "resumes",
        "stores",
        "unread",
        "unsettled",
    )

    def __init__(self, name: str, plugin: str = "") -> None:
        self.name = name
        """As in the log: the alias, or plugin.number."""
        self.plugin = plugin or name.rpartition(".")[0] or name
        self.records = 0
        self.bytes = 0
        self.paused = False
        self.unsettled = 0
        """Bytes handed over that are not settled yet."""
        self.limit = 0
        """Mem_Buf_Limit in bytes; 0: none."""
        self.pauses = 0
        self.resumes = 0
        self.paused_at = 0.0
        """When it was paused the last time, on the monotonic clock."""
        self.paused_before = 0.0
        """Seconds that it was paused for before that."""
        self.stores = False
        """What is not settled is on disk, too."""
        self.unread = 0
        """Batches that are on disk alone."""
        self.open: dict[Any, float] = {}
        """What is not settled yet, in order of arrival, and when it came in, on the monotonic clock."""
        self.counters: Counters = {}
        """The plugin's own: env.count()."""

    def pause(self) -> None:
        self.paused = True
        self.paused_at = time.monotonic()
        self.pauses += 1

    def resume(self) -> None:
        self.paused = False
        self.paused_before += time.monotonic() - self.paused_at
        self.resumes += 1

    @property
    def over_limit(self) -> bool:
        return 0 < self.limit <= self.unsettled

    @property
    def paused_seconds(self) -> float:
        """How long it has not read since its buffer was full: back pressure."""
        return self.paused_before + (time.monotonic() - self.paused_at if self.paused else 0.0)

    @property
    def lag(self) -> float:
        """Seconds since the oldest came in of what is not settled; 0: all is settled."""
        oldest = next(iter(self.open.values()), None)
        return 0.0 if oldest is None else max(time.monotonic() - oldest, 0.0)


class FilterMetrics:
    """What one filter has made of what it saw."""

    __slots__ = ("added", "bytes", "counters", "dropped", "emitted", "failed", "name", "plugin", "records")

    def __init__(self, name: str, plugin: str = "") -> None:
        self.name = name
        self.plugin = plugin or name.rpartition(".")[0] or name
        self.records = 0
        """Records that it was given."""
        self.bytes = 0
        self.added = 0
        """Records more than it was given, over all batches that grew."""
        self.dropped = 0
        """Records less than it was given, over all batches that shrank."""
        self.emitted = 0
        """Records that it let enter again under another tag."""
        self.failed = 0
        """Records at which it raised."""
        self.counters: Counters = {}


class OutputMetrics:
    """What one output has done with the records of its tags. Chunks are calls' worth of records."""

    __slots__ = (
        "bytes",
        "calls",
        "counters",
        "dropped_records",
        "errors",
        "name",
        "oldest",
        "plugin",
        "records",
        "rejected_records",
        "retried_records",
        "retries",
        "retries_failed",
        "stored_bytes",
        "stored_chunks",
        "stored_records",
        "waiting_bytes",
        "waiting_chunks",
        "waiting_records",
    )

    def __init__(self, name: str, plugin: str = "") -> None:
        self.name = name
        self.plugin = plugin or name.rpartition(".")[0] or name
        self.records = 0
        """Records delivered."""
        self.bytes = 0
        """Bytes delivered, as encoded for the destination."""
        self.calls = 0
        """Calls of deliver."""
        self.errors = 0
        """Chunks given up, or refused by the destination for good."""
        self.retries = 0
        """Retries that were scheduled."""
        self.retried_records = 0
        self.retries_failed = 0
        """Chunks given up since their retries were used up."""
        self.dropped_records = 0
        """Records that were given up or refused."""
        self.rejected_records = 0
        """Those of them that the destination refused for good."""
        self.waiting_chunks = 0
        """Now waiting to be sent, or sent again: chunks, their records, their bytes."""
        self.waiting_records = 0
        self.waiting_bytes = 0
        self.stored_chunks = 0
        """Now waiting on disk, in the spool of the output: chunks, their records, their bytes."""
        self.stored_records = 0
        self.stored_bytes = 0
        self.oldest: Callable[[], float | None] = lambda: None
        """When the oldest came of what is not delivered, on the monotonic clock; None: all is."""
        self.counters: Counters = {}

    @property
    def lag(self) -> float:
        """Seconds since the oldest came of what is not delivered; 0: all is."""
        oldest = self.oldest()
        return 0.0 if oldest is None else max(time.monotonic() - oldest, 0.0)


class Metrics:
    """All counters of one router. An instance keeps its counters when the config is loaded again."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.started = clock()
        """Seconds since the epoch."""
        self.inputs: dict[str, InputMetrics] = {}
        self.filters: dict[str, FilterMetrics] = {}
        self.outputs: dict[str, OutputMetrics] = {}
        self.router: Counters = {"regex_over_budget": 0}
        """Of what no plugin does: Match_Regex and the conditions of routes."""
        self.storage = True
        """Whether chunks are among the metrics (storage.metrics)."""
        self.reloads = 0
        self.log_lines: Counters = dict.fromkeys(("error", "warn", "info", "debug", "trace"), 0)

    def draft(self) -> "Metrics":
        """For a config that is loaded again: counters of the names that there are go on, and new names are not seen
        here."""
        new = Metrics(self.clock)
        new.started, new.reloads, new.log_lines = self.started, self.reloads, self.log_lines
        new.router = self.router
        new.inputs, new.filters, new.outputs = dict(self.inputs), dict(self.filters), dict(self.outputs)
        return new

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.started

    def input(self, name: str, plugin: str = "") -> InputMetrics:
        """The counters of that input, made at the first call."""
        if name not in self.inputs:
            self.inputs[name] = InputMetrics(name, plugin)
        return self.inputs[name]

    def filter(self, name: str, plugin: str = "") -> FilterMetrics:
        if name not in self.filters:
            self.filters[name] = FilterMetrics(name, plugin)
        return self.filters[name]

    def output(self, name: str, plugin: str = "") -> OutputMetrics:
        if name not in self.outputs:
            self.outputs[name] = OutputMetrics(name, plugin)
        return self.outputs[name]
