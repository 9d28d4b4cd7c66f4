"""What a router counts, read twice: what happened between, for each input, filter and output.

It reads what /api/v2/metrics/prometheus of Pyrolens and of Fluent Bit has in common, and what Pyrolens has besides.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyrolens.records.codecs.prometheus import read_prometheus
from pyrolens.tools._router_api import ApiError, RouterApi, refusal

METRICS = "/api/v2/metrics/prometheus"
NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Reading:
    """What was read at one time."""

    at: float
    """Seconds, on any clock that does not jump."""
    values: Mapping[tuple[str, str], float]
    """By metric, and by the plugin's name ("" where there is none)."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of the metrics that say something by their labels, such as the version."""
    health: str = NOT_CHECKED
    """ok, error, or that it is not checked."""
    reasons: tuple[str, ...] = ()

    def names(self, metric: str) -> list[str]:
        return [name for found, name in self.values if found == metric]

    def get(self, metric: str, name: str = "") -> float | None:
        return self.values.get((metric, name))


def read(router: RouterApi) -> Reading:
    """Raises: ApiError."""
    status, body = router.get(METRICS)
    if status != 200:
        raise refusal(router, status, body)
    text = body.decode("utf-8", "replace")
    status, said = router.get("/api/v1/health?verbose")
    return read_text(text, time.monotonic(), *health_of(status, said))


def health_of(status: int, body: bytes) -> tuple[str, tuple[str, ...]]:
    """Source: Fluent Bit answers ok and error, as plain text."""
    if status not in (200, 500):
        return NOT_CHECKED, ()
    try:
        said = json.loads(body)
        return str(said["status"]), tuple(map(str, said["reasons"]))
    except (ValueError, TypeError, KeyError):
        return ("ok" if status == 200 else "error"), ()


def read_text(text: str, at: float, health: str = NOT_CHECKED, reasons: tuple[str, ...] = ()) -> Reading:
    """`at`: when it was read. Raises: ApiError."""
    try:
        found = read_prometheus(text, 0)
    except ValueError as why:
        raise ApiError(f"what it answers are no metrics: {why}") from None
    values: dict[tuple[str, str], float] = {}
    labels: dict[str, dict[str, str]] = {}
    for family in found.families:
        for sample in family.samples:
            of = {key: value for key, value in family.pairs(sample) if value is not None}
            if isinstance(sample.value, (int, float)):
                values[family.name, of.get("name", of.get("message_type", ""))] = float(sample.value)
                labels.setdefault(family.name, of)
    return Reading(at, values, labels, health, reasons)


def uptime_of(text: str) -> float:
    """Seconds, of metrics that were saved."""
    return read_text(text, 0.0).get("fluentbit_uptime") or 0.0


# -- between two readings ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """Something that is counted: all of it, and what came since the reading before."""

    total: int
    new: int
    per_second: float


@dataclass(frozen=True)
class InputRow:
    name: str
    records: Counted
    bytes: Counted
    lag: float | None
    """Seconds since the oldest came in of what is not settled; None: the router does not say."""
    unsettled: int
    """Bytes."""
    limit: int
    """Mem_Buf_Limit in bytes; 0: none."""
    paused: bool
    paused_seconds: float
    """All in all."""


@dataclass(frozen=True)
class FilterRow:
    name: str
    records: Counted
    added: Counted
    dropped: Counted
    emitted: Counted
    failed: Counted


@dataclass(frozen=True)
class OutputRow:
    name: str
    records: Counted
    bytes: Counted
    errors: Counted
    retries: Counted
    given_up: Counted
    """Chunks whose retries were used up."""
    dropped: Counted
    waiting: int | None
    """Records; None, as the next two: the router does not say."""
    stored: int | None
    """Bytes on disk."""
    lag: float | None
    """Seconds since the oldest came of what is not delivered."""


@dataclass(frozen=True)
class View:
    address: str
    version: str
    uptime: int
    """Seconds."""
    health: str
    reasons: tuple[str, ...]
    memory: int | None
    """Bytes that the process takes."""
    cpu: float | None
    """Of one core: 1.0 is all of it."""
    reloads: int
    log_errors: Counted
    log_warnings: Counted
    seconds: float
    """Between the two readings."""
    inputs: tuple[InputRow, ...]
    filters: tuple[FilterRow, ...]
    outputs: tuple[OutputRow, ...]


def version_of(now: Reading) -> str:
    if ours := now.labels.get("pyrolens_build_info"):
        return f"pyrolens {ours.get('version', '')}"
    theirs = now.labels.get("fluentbit_build_info", {})
    return f"fluent-bit {theirs.get('version', '')}".strip()


def view(address: str, before: Reading, now: Reading) -> View:
    """`before`: a reading of the same router; where it counted more than now, it has been started again since."""
    seconds = max(now.at - before.at, 0.001)

    def counted(metric: str, name: str = "") -> Counted:
        total, then = now.get(metric, name) or 0.0, before.get(metric, name) or 0.0
        new = total - then if total >= then else total
        return Counted(int(total), int(new), new / seconds)

    def gauge(metric: str, name: str = "") -> int:
        return int(now.get(metric, name) or 0)

    def said(metric: str, name: str) -> int | None:
        return None if now.get(metric, name) is None else gauge(metric, name)

    cpu = "pyrolens_process_cpu_seconds_total"
    inputs = [
        InputRow(
            name,
            counted("fluentbit_input_records_total", name),
            counted("fluentbit_input_bytes_total", name),
            now.get("pyrolens_input_lag_seconds", name),
            gauge("fluentbit_input_storage_memory_bytes", name),
            gauge("pyrolens_input_limit_bytes", name),
            gauge("fluentbit_input_ingestion_paused", name) > 0,
            now.get("pyrolens_input_paused_seconds_total", name) or 0.0,
        )
        for name in now.names("fluentbit_input_records_total")
    ]
    filters = [
        FilterRow(
            name,
            counted("fluentbit_filter_records_total", name),
            counted("fluentbit_filter_add_records_total", name),
            counted("fluentbit_filter_drop_records_total", name),
            counted("pyrolens_filter_emitted_records_total", name),
            counted("pyrolens_filter_failed_records_total", name),
        )
        for name in now.names("fluentbit_filter_records_total")
        if not name.startswith("parser:")
    ]
    outputs = [
        OutputRow(
            name,
            counted("fluentbit_output_proc_records_total", name),
            counted("fluentbit_output_proc_bytes_total", name),
            counted("fluentbit_output_errors_total", name),
            counted("fluentbit_output_retries_total", name),
            counted("fluentbit_output_retries_failed_total", name),
            counted("fluentbit_output_dropped_records_total", name),
            said("pyrolens_output_waiting_records", name),
            said("pyrolens_output_stored_bytes", name),
            now.get("pyrolens_output_lag_seconds", name),
        )
        for name in now.names("fluentbit_output_proc_records_total")
    ]
    return View(
        address,
        version_of(now),
        gauge("fluentbit_uptime"),
        now.health,
        now.reasons,
        gauge("pyrolens_process_resident_memory_bytes") or None,
        counted(cpu).per_second if now.get(cpu) is not None else None,
        gauge("fluentbit_hot_reloaded_times"),
        counted("fluentbit_logger_logs_total", "error"),
        counted("fluentbit_logger_logs_total", "warn"),
        seconds,
        tuple(inputs),
        tuple(filters),
        tuple(outputs),
    )
