"""The metrics as others read them: JSON, Prometheus' text, and the text of /api/v2/metrics.

Source: Fluent Bit 5.1.1 src/http_server/api/v1/metrics.c and what /api/v2/metrics/prometheus of it answers: the same
names, texts and labels for what both count. Our own begin with pyrolens_.
"""

import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pyrolens import __version__
from pyrolens.service.metrics import Metrics

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


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    help: str
    kind: str
    """counter or gauge"""
    samples: list[tuple[dict[str, str], int]]


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
            lines += [f'{name}{{name="{label(n)}"}} {values[key]} {now}' for n, values in named]
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


def all_metrics(metrics: Metrics) -> list[Metric]:
    """What /api/v2/metrics gives."""
    host = {"hostname": socket.gethostname()}
    inputs, filters, outputs = metrics.inputs.values(), metrics.filters.values(), metrics.outputs.values()
    started = int(metrics.started)
    found = [
        Metric(
            "fluentbit_uptime",
            "Number of seconds that Fluent Bit has been running.",
            "counter",
            [(host, int(metrics.uptime))],
        ),
        Metric(
            "fluentbit_hot_reloaded_times",
            "Collect the count of hot reloaded times.",
            "counter",
            [(host, metrics.reloads)],
        ),
        Metric(
            "fluentbit_logger_logs_total",
            "Total number of logs",
            "counter",
            [({"message_type": t}, n) for t, n in metrics.log_lines.items()],
        ),
    ]
    for key, help_ in sorted(INPUT.items()):
        samples = [({"name": m.name}, getattr(m, key)) for m in inputs]
        found.append(Metric(f"fluentbit_input_{key}_total", help_, "counter", samples))
    for key, (attribute, help_) in FILTER.items():
        samples = [({"name": f.name}, getattr(f, attribute)) for f in filters]
        found.append(Metric(f"fluentbit_filter_{key}_total", help_, "counter", samples))
    for key, (attribute, help_) in OUTPUT.items():
        samples = [({"name": o.name}, getattr(o, attribute)) for o in outputs]
        found.append(Metric(f"fluentbit_output_{key}_total", help_, "counter", samples))
    found += [
        Metric(
            "fluentbit_process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            "gauge",
            [(host, started)],
        ),
        Metric(
            "fluentbit_build_info",
            "Build version information.",
            "gauge",
            [({**host, "version": COMPATIBLE, "os": "linux"}, started)],
        ),
        Metric(
            "fluentbit_input_ingestion_paused",
            "Is the input paused or not?",
            "gauge",
            [({"name": i.name}, int(i.paused)) for i in inputs],
        ),
        Metric(
            "fluentbit_input_storage_overlimit",
            "Is the input memory usage overlimit ?.",
            "gauge",
            [({"name": i.name}, int(i.paused)) for i in inputs],
        ),
        Metric(
            "fluentbit_input_storage_memory_bytes",
            "Memory bytes used by the chunks.",
            "gauge",
            [({"name": i.name}, i.unsettled) for i in inputs],
        ),
        *_own(metrics),
    ]
    return [m for m in found if m.samples]


def _own(metrics: Metrics) -> Iterable[Metric]:
    """What Fluent Bit does not count, and what plugins count."""
    outputs, filters = metrics.outputs.values(), metrics.filters.values()
    yield Metric("pyrolens_build_info", "Version of Pyrolens.", "gauge", [({"version": __version__}, 1)])
    for attribute, help_ in (
        ("emitted", "Records that entered again under another tag."),
        ("failed", "Records at which the filter failed."),
    ):
        samples = [({"name": f.name}, getattr(f, attribute)) for f in filters]
        yield Metric(f"pyrolens_filter_{attribute}_records_total", help_, "counter", samples)
    yield Metric(
        "pyrolens_output_calls_total",
        "Calls of the destination.",
        "counter",
        [({"name": o.name}, o.calls) for o in outputs],
    )
    for what in ("chunks", "records", "bytes"):
        samples = [({"name": o.name}, getattr(o, f"waiting_{what}")) for o in outputs]
        yield Metric(f"pyrolens_output_waiting_{what}", f"{what.capitalize()} that wait to be sent.", "gauge", samples)
    for counter, n in sorted(metrics.router.items()):
        yield Metric(f"pyrolens_router_{_word(counter)}_total", "Counted by the router.", "counter", [({}, n)])
    named: dict[str, list[tuple[dict[str, str], int]]] = {}
    for kind, all_of in (("input", metrics.inputs), ("filter", metrics.filters), ("output", metrics.outputs)):
        for one in all_of.values():
            for counter, n in one.counters.items():
                named.setdefault(f"pyrolens_{kind}_{_word(counter)}_total", []).append(({"name": one.name}, n))
    for name, samples in sorted(named.items()):
        yield Metric(name, "Counted by the plugin.", "counter", samples)


def _word(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)


def prometheus(found: Iterable[Metric]) -> str:
    lines: list[str] = []
    for metric in found:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        lines += [f"{metric.name}{_labels(labels)} {value}" for labels, value in metric.samples]
    return "\n".join([*lines, ""])


def plain(found: Iterable[Metric], now: float | None = None) -> str:
    seconds = time.time() if now is None else now
    stamp = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    stamp += f".{int(seconds % 1 * 1e9):09d}Z"
    lines = [f"{stamp} {m.name}{_labels(labels)} = {value}" for m in found for labels, value in m.samples]
    return "\n".join([*lines, ""])


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{k}="{label(v)}"' for k, v in labels.items()) + "}" if labels else ""


def label(text: str) -> str:
    """A label's value, escaped as Prometheus wants it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
