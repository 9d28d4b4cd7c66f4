"""The counters of the router as others read them: JSON, Prometheus' text as it was at first, and a set of metrics.

Source: Fluent Bit 5.1.1 src/http_server/api/v1/metrics.c and what /api/v2/metrics/prometheus of it answers: the same
names, texts and labels for what both count. Our own begin with pyrolens_.
"""

import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any

from pyrolens import __version__
from pyrolens.records.codecs.prometheus import escaped
from pyrolens.records.event import SECOND
from pyrolens.records.metrics import Family, Kind, MetricSet, Sample, spaces_of
from pyrolens.service.chunks import of_all, of_input
from pyrolens.service.metrics import SCRAPES, Metrics
from pyrolens.service.pressure import resident

COMPATIBLE = "5.1.1"
"""The version of Fluent Bit that this router stands in for."""

OLD_FILTER_HELP = "Fluentbit metrics."
INPUT = {"records": "Number of input records.", "bytes": "Number of input bytes."}
OUTPUT = {
    "proc_records": ("records", "Number of processed output records."),
    "proc_bytes": ("bytes", "Number of processed output bytes."),
    "errors": ("errors", "Number of output errors."),
    "retries": ("retries", "Number of output retries."),
    "retries_failed": (
        "retries_failed",
        "Number of abandoned batches because the maximum number of re-tries was reached.",
    ),
    "dropped_records": ("dropped_records", "Number of dropped records."),
    "retried_records": ("retried_records", "Number of retried records."),
}
FILTER = {
    "records": ("records", "Total number of new records processed."),
    "bytes": ("bytes", "Total number of new bytes processed."),
    "add_records": ("added", "Total number of new added records."),
    "drop_records": ("dropped", "Total number of dropped records."),
}


def as_json(metrics: Metrics) -> dict[str, dict[str, dict[str, int]]]:
    """What /api/v1/metrics gives."""
    return {
        "input": {n: {"records": m.records, "bytes": m.bytes} for n, m in metrics.inputs.items()},
        "filter": {
            n: {
                "drop_records": m.dropped,
                "add_records": m.added,
                "records": m.records,
                "bytes": m.bytes,
                "drop_bytes": 0,
            }
            for n, m in metrics.filters.items()
        },
        "output": {
            n: {name: getattr(m, attribute) for name, (attribute, _) in OUTPUT.items()}
            for n, m in metrics.outputs.items()
        },
    }


def old_prometheus(metrics: Metrics) -> str:
    """What /api/v1/metrics/prometheus gives: sorted by name, with the time in ms."""
    now = round(metrics.clock() * 1000)
    read = as_json(metrics)
    lines: list[str] = []
    for kind, key, help_ in sorted(_old_names(), key=lambda n: f"{n[0]}_{n[1]}_total"):
        name = f"fluentbit_{kind}_{key}_total"
        named = sorted(read[kind].items())
        if named:
            lines += [f"# HELP {name} {help_}", f"# TYPE {name} counter"]
            lines += [f'{name}{{name="{escaped(n)}"}} {values[key]} {now}' for n, values in named]
    lines += [
        "# HELP fluentbit_uptime Number of seconds that Fluent Bit has been running.",
        "# TYPE fluentbit_uptime counter",
        f"fluentbit_uptime {int(metrics.uptime)}",
        "# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.",
        "# TYPE process_start_time_seconds gauge",
        f"process_start_time_seconds {int(metrics.started)}",
        "# HELP fluentbit_build_info Build version information.",
        "# TYPE fluentbit_build_info gauge",
        f'fluentbit_build_info{{version="{COMPATIBLE}",edition="Pyrolens"}} 1',
        "",
    ]
    return "\n".join(lines)


def _old_names() -> Iterable[tuple[str, str, str]]:
    yield from (("input", key, help_) for key, help_ in INPUT.items())
    yield from (("filter", key, OLD_FILTER_HELP) for key in [*FILTER, "drop_bytes"])
    yield from (("output", key, help_) for key, (_, help_) in OUTPUT.items())


ALL_CHUNKS = {
    "total_chunks": "Total number of chunks in the storage layer.",
    "mem_chunks": "Total number of memory chunks.",
    "fs_chunks": "Total number of filesystem chunks.",
    "fs_chunks_up": "Total number of filesystem chunks up in memory.",
    "fs_chunks_down": "Total number of filesystem chunks down.",
}
INPUT_CHUNKS = {
    "total": ("chunks", "Total number of chunks."),
    "up": ("chunks_up", "Total number of chunks up in memory."),
    "down": ("chunks_down", "Total number of chunks down."),
    "busy": ("chunks_busy", "Total number of chunks in a busy state."),
    "busy_size": ("chunks_busy_bytes", "Total number of bytes used by chunks in a busy state."),
}
Rows = list[tuple[tuple[str, ...], float]]
"""Values of labels, and what is read there."""


def all_metrics(metrics: Metrics) -> MetricSet:
    """What /api/v2/metrics and the input fluentbit_metrics give."""
    ns = int(metrics.clock() * SECOND)
    found = [*_counters(metrics), *_gauges(metrics), *_own(metrics)]
    return MetricSet(
        tuple(
            Family(name, kind, help_, labels, tuple([Sample(ns, *row) for row in rows]), *spaces_of(name))
            for name, kind, help_, labels, rows in found
            if rows
        )
    )


Found = tuple[str, Kind, str, tuple[str, ...], Rows]
"""Name, kind, help, labels and what was read."""


def _counters(metrics: Metrics) -> Iterable[Found]:
    host = (socket.gethostname(),)
    yield (
        "fluentbit_uptime",
        "counter",
        "Number of seconds that Fluent Bit has been running.",
        ("hostname",),
        [(host, int(metrics.uptime))],
    )
    yield (
        "fluentbit_hot_reloaded_times",
        "counter",
        "Collect the count of hot reloaded times.",
        ("hostname",),
        [(host, metrics.reloads)],
    )
    logged: Rows = [((level,), n) for level, n in metrics.log_lines.items()]
    yield "fluentbit_logger_logs_total", "counter", "Total number of logs", ("message_type",), logged
    for key, help_ in sorted(INPUT.items()):
        yield f"fluentbit_input_{key}_total", "counter", help_, ("name",), _rows(metrics.inputs, key)
    scrapes: Rows = [((i.name,), i.counters[SCRAPES]) for i in metrics.inputs.values() if SCRAPES in i.counters]
    yield "fluentbit_input_metrics_scrapes_total", "counter", "Number of total metrics scrapes", ("name",), scrapes
    for key, (attribute, help_) in FILTER.items():
        yield f"fluentbit_filter_{key}_total", "counter", help_, ("name",), _rows(metrics.filters, attribute)
    for key, (attribute, help_) in OUTPUT.items():
        yield f"fluentbit_output_{key}_total", "counter", help_, ("name",), _rows(metrics.outputs, attribute)


def _gauges(metrics: Metrics) -> Iterable[Found]:
    host, started, inputs = socket.gethostname(), int(metrics.started), metrics.inputs
    about = "Start time of the process since unix epoch in seconds."
    yield "fluentbit_process_start_time_seconds", "gauge", about, ("hostname",), [((host,), started)]
    build: Rows = [((host, COMPATIBLE, "linux"), started)]
    yield "fluentbit_build_info", "gauge", "Build version information.", ("hostname", "version", "os"), build
    for name, attribute, about in (
        ("ingestion_paused", "paused", "Is the input paused or not?"),
        ("storage_overlimit", "over_limit", "Is the input memory usage overlimit ?."),
        ("storage_memory_bytes", "unsettled", "Memory bytes used by the chunks."),
    ):
        yield f"fluentbit_input_{name}", "gauge", about, ("name",), _rows(inputs, attribute)
    if metrics.storage:
        yield from _chunks(metrics)


def _chunks(metrics: Metrics) -> Iterable[Found]:
    everywhere = of_all(metrics)
    for key, about in ALL_CHUNKS.items():
        name = "chunks" if key == "total_chunks" else key
        yield f"fluentbit_storage_{name}", "gauge", about, (), [((), everywhere[key])]
    counted = {one.name: of_input(one) for one in metrics.inputs.values()}
    for key, (name, about) in INPUT_CHUNKS.items():
        rows: Rows = [((label,), chunks[key]) for label, chunks in counted.items()]
        yield f"fluentbit_input_storage_{name}", "gauge", about, ("name",), rows


def _own(metrics: Metrics) -> Iterable[Found]:
    """What Fluent Bit does not count, and what plugins count."""
    name = ("name",)
    about = "Bytes of memory that the process takes."
    yield "pyrolens_process_resident_memory_bytes", "gauge", about, (), [((), resident())]
    about = "Seconds of CPU that the process has had."
    yield "pyrolens_process_cpu_seconds_total", "counter", about, (), [((), time.process_time())]
    yield "pyrolens_build_info", "gauge", "Version of Pyrolens.", ("version",), [((__version__,), 1)]
    about = "Seconds since the oldest came in of what is not settled yet."
    yield "pyrolens_input_lag_seconds", "gauge", about, name, _rows(metrics.inputs, "lag")
    about = "Mem_Buf_Limit in bytes; 0: none."
    yield "pyrolens_input_limit_bytes", "gauge", about, name, _rows(metrics.inputs, "limit")
    about = "Seconds that the input did not read since its buffer was full."
    yield "pyrolens_input_paused_seconds_total", "counter", about, name, _rows(metrics.inputs, "paused_seconds")
    for attribute, help_ in (
        ("emitted", "Records that entered again under another tag."),
        ("failed", "Records at which the filter failed."),
    ):
        yield (
            f"pyrolens_filter_{attribute}_records_total",
            "counter",
            help_,
            name,
            _rows(metrics.filters, attribute),
        )
    calls = _rows(metrics.outputs, "calls")
    yield "pyrolens_output_calls_total", "counter", "Calls of the destination.", name, calls
    about = "Records that the destination refused for good."
    rejected = _rows(metrics.outputs, "rejected_records")
    yield "pyrolens_output_rejected_records_total", "counter", about, name, rejected
    for what in ("chunks", "records", "bytes"):
        about = f"{what.capitalize()} that wait to be sent."
        yield f"pyrolens_output_waiting_{what}", "gauge", about, name, _rows(metrics.outputs, f"waiting_{what}")
    for what in ("chunks", "records", "bytes"):
        about = f"{what.capitalize()} that wait on disk."
        yield f"pyrolens_output_stored_{what}", "gauge", about, name, _rows(metrics.outputs, f"stored_{what}")
    about = "Seconds since the oldest came of what is not delivered."
    yield "pyrolens_output_lag_seconds", "gauge", about, name, _rows(metrics.outputs, "lag")
    for counter, n in sorted(metrics.router.items()):
        yield f"pyrolens_router_{_word(counter)}_total", "counter", "Counted by the router.", (), [((), n)]
    named: dict[str, Rows] = {}
    for kind, all_of in (("input", metrics.inputs), ("filter", metrics.filters), ("output", metrics.outputs)):
        for one in all_of.values():
            for counter, n in one.counters.items():
                if counter != SCRAPES:
                    named.setdefault(f"pyrolens_{kind}_{_word(counter)}_total", []).append(((one.name,), n))
    for counter, rows in sorted(named.items()):
        yield counter, "counter", "Counted by the plugin.", name, rows


def _rows(counted: Mapping[str, Any], attribute: str) -> Rows:
    return [((one.name,), getattr(one, attribute)) for one in counted.values()]


def _word(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
