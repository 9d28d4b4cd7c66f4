"""Options that Fluent Bit's core takes for every input and output, and that not every plugin here declares.

They are read all the same, because a bad value refuses the start there, too; what has no effect is a warning.
Source: Fluent Bit 5.1.1, src/flb_input.c and src/flb_output.c (flb_*_set_property).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pyrolens.options import Kind, Seconds, group, opt, read_seconds, size_of, spec_of, switch
from pyrolens.plugin import NET_IGNORED, TLS_IGNORED, Net, Tls

IfSaid = Annotated[bool, switch(True)]


def read_more_than_nothing(text: str) -> float:
    seconds = read_seconds(text)
    if seconds <= 0:
        raise ValueError("expected a time of at least a second, such as 5, 10s or 1m")
    return seconds


def read_count(text: str) -> int:
    if not re.fullmatch(r"\s*\+?[0-9]+", text):
        raise ValueError("expected a whole number")
    return int(text)


def read_ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = 0.0
    if not 0 < ratio < 1:
        raise ValueError("expected a number between 0 and 1")
    return ratio


def read_bytes(text: str) -> int:
    size = size_of(text)
    if size < 0:
        raise ValueError("expected a size such as 512k, 10M or 1G")
    return size


def read_total(text: str) -> int:
    if text.lower() in ("off", "false", "no"):
        return -1
    size = size_of(text)
    if size == -1:
        raise ValueError("expected a size such as 512k, 10M or 1G, or off")
    return size


Window = Annotated[float, Kind("time", read_more_than_nothing)]
Count = Annotated[int, Kind("whole number", read_count)]
Ratio = Annotated[float, Kind("number", read_ratio)]
Bytes = Annotated[int, Kind("size", read_bytes)]
Total = Annotated[int, Kind("size", read_total)]


@dataclass(frozen=True, kw_only=True)
class InputCore:
    """Of every input."""

    routable: IfSaid = opt("Whether the records of the input go anywhere.", default=True)
    storage_type: Literal["memory", "filesystem", "memrb"] | None = opt(
        "Where what the input takes in is kept until it is delivered: memory; filesystem, in storage.path before it"
        " counts as taken in; memrb, in memory, of which the oldest go when mem_buf_limit is reached.",
        default=None,
        name="storage.type",
    )
    storage_pause_on_chunks_overlimit: bool = opt(
        "Of filesystem: stop reading while an output has more waiting than its part of storage.max_chunks_up.",
        default=False,
        name="storage.pause_on_chunks_overlimit",
    )
    threaded: bool = opt("Run in a thread of its own.", default=False)
    thread_ring_buffer_capacity: int = opt("Slots.", default=1024, low=1, name="thread.ring_buffer.capacity")
    thread_ring_buffer_window: int = opt("Percent.", default=5, low=1, high=100, name="thread.ring_buffer.window")
    log_suppress_interval: Seconds = opt("Seconds.", default=0.0)
    rate_window: Window = opt("Seconds.", default=60.0)
    rate_gate: bool = opt("Stop reading above a rate.", default=False)
    rate_gate_max_bytes: Bytes = opt("Bytes.", default=0, name="rate_gate.max_bytes")
    rate_gate_max_records: Count = opt("Records.", default=0, name="rate_gate.max_records")
    rate_gate_backpressure: bool = opt("Stop reading above a rate.", default=False, name="rate_gate.backpressure")
    rate_gate_resume_ratio: Ratio = opt("Part of the rate.", default=0.8, name="rate_gate.resume_ratio")
    listen: str | None = opt("Address.", default=None)
    host: str | None = opt("Host.", default=None)
    port: int = opt("Port.", default=0)
    ipv6: bool = opt("Use IPv6.", default=False)
    tls: bool = opt("Use TLS.", default=False)
    net: Net = group(Net, "net.")


@dataclass(frozen=True, kw_only=True)
class OutputCore:
    """Of every output."""

    storage_total_limit_size: Total = opt(
        "Bytes that may wait for the output, where storage.path is set; then the oldest go. off: any.",
        default=-1,
        name="storage.total_limit_size",
    )
    log_suppress_interval: Seconds = opt("Seconds.", default=0.0)
    host: str | None = opt("Host.", default=None)
    port: int = opt("Port.", default=0)
    ipv6: bool = opt("Use IPv6.", default=False)
    tls: bool = opt("Use TLS.", default=False)
    net: Net = group(Net, "net.")


@dataclass(frozen=True, kw_only=True)
class FilterCore:
    """Of every filter."""

    log_suppress_interval: Seconds = opt("Seconds.", default=0.0)


CORES: Mapping[str, type[Any]] = MappingProxyType({"input": InputCore, "filter": FilterCore, "output": OutputCore})
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "threaded": "inputs need no thread of their own",
        "thread.ring_buffer.capacity": "inputs need no thread of their own",
        "thread.ring_buffer.window": "inputs need no thread of their own",
        "log_suppress_interval": "what repeats is not left out of the log",
        "rate_window": "rates are not measured here; see the counters of the metrics",
        "rate_gate": "an input stops reading at its Mem_Buf_Limit only",
        "rate_gate.max_bytes": "an input stops reading at its Mem_Buf_Limit only",
        "rate_gate.max_records": "an input stops reading at its Mem_Buf_Limit only",
        "rate_gate.backpressure": "an input stops reading at its Mem_Buf_Limit only",
        "rate_gate.resume_ratio": "an input stops reading at its Mem_Buf_Limit only",
        "ipv6": "addresses of both kinds are used",
    }
)
"""Why an option of the core has no effect. Those that are not named are honoured, or without meaning for the plugin."""


@cache
def connection_options() -> frozenset[str]:
    """Options of connections that Fluent Bit takes for every input and output, lower case."""
    net = {f"net.{s.name}" for s in spec_of(Net)} | set(NET_IGNORED)
    net |= {f"net.{n}" for n in ("accept_timeout", "accept_timeout_log_error", "backlog", "share_port")}
    tls = {f"tls.{s.name}" for s in spec_of(Tls)} | set(TLS_IGNORED) | {"tls", "tls.verify_client_cert"}
    return frozenset(net | tls)


def names_of(kind: str) -> set[str]:
    """Options of the core for that kind of plugin, lower case."""
    return {n for s in spec_of(CORES[kind]) for n in s.names} if kind in CORES else set()
