"""What a running router does per second, from two readings of its HTTP API.

The API counts per input, filter and output. What goes along an edge is known where nothing else leaves its source or
enters its target.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyrolens.graph.model import Graph, Node, Rate
from pyrolens.problems import ConfigError, Problem

PATH = "/api/v1/metrics"
WAIT = 10.0
"""Seconds for an answer."""
KINDS = {"input": "input", "filter": "filter", "processor": "filter", "output": "output"}


@dataclass(frozen=True)
class Reading:
    at: float
    """Seconds."""
    counted: Mapping[str, Mapping[str, Mapping[str, int]]]
    """By kind, name and counter."""


def read(address: str, clock: Callable[[], float] = time.monotonic) -> Reading:
    """`address`: of the API, such as http://127.0.0.1:2020. Raises: ConfigError."""
    url = address.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise _unread(address, "expected an address such as http://127.0.0.1:2020")
    try:
        with urllib.request.urlopen(url.removesuffix(PATH) + PATH, timeout=WAIT) as answer:
            found = json.load(answer)
    except (OSError, ValueError) as why:
        reason = getattr(why, "reason", why)
        raise _unread(address, f"{reason}", "HTTP_Server On in [SERVICE] opens it") from None
    if not isinstance(found, dict) or not all(isinstance(found.get(kind), dict) for kind in set(KINDS.values())):
        raise _unread(address, "what answers is no router's HTTP API")
    return Reading(clock(), found)


def _unread(address: str, why: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem("no-router", f"cannot read {address}: {why}", None, hint)])


def with_rates(graph: Graph, one: Reading, other: Reading) -> Graph:
    """`one`: the earlier reading. Raises: ConfigError when the router has begun anew between them."""
    seconds = max(other.at - one.at, 0.001)

    def rate(kind: str, name: str, counter: str) -> float | None:
        now, before = (r.counted[kind].get(name, {}).get(counter) for r in (other, one))
        if now is None or before is None:
            return None
        if now < before:
            message = f"{counter} of {kind} {name} fell from {before} to {now}: the router was started anew"
            raise ConfigError([Problem("no-router", message, None, "try again")])
        return (now - before) / seconds

    nodes = {n.id: found for n in graph.nodes if (found := _rate_of(n, rate)) is not None}
    return graph.with_rates(nodes, _on_edges(graph, nodes))


def _rate_of(node: Node, rate: Callable[[str, str, str], float | None]) -> Rate | None:
    kind = KINDS.get(node.kind)
    if kind is None:
        return None
    if kind == "output":
        records = rate(kind, node.label, "proc_records")
        if records is None:
            return None
        dropped, errors, retries = (rate(kind, node.label, c) for c in ("dropped_records", "errors", "retries"))
        return Rate(records, rate(kind, node.label, "proc_bytes"), dropped, errors, retries)
    records = rate(kind, node.label, "records")
    if records is None:
        return None
    dropped = rate(kind, node.label, "drop_records") if kind == "filter" else None
    return Rate(records, rate(kind, node.label, "bytes"), dropped)


def _on_edges(graph: Graph, nodes: Mapping[str, Rate]) -> dict[tuple[str, str, str], Rate]:
    found: dict[tuple[str, str, str], Rate] = {}
    for edge in graph.edges:
        leaving = [e for e in graph.edges if e.source == edge.source]
        entering = [e for e in graph.edges if e.target == edge.target]
        into, out = nodes.get(edge.target), nodes.get(edge.source)
        key = (edge.source, edge.target, edge.kind)
        if len(entering) == 1 and into is not None and graph.ids[edge.target].kind != "output":
            found[key] = Rate(into.records)
        elif len(leaving) == 1 and out is not None and graph.ids[edge.source].kind == "input":
            found[key] = Rate(out.records)
        elif len(entering) == 1 and into is not None:
            found[key] = Rate(into.records)
    return found


def missing(graph: Graph, reading: Reading) -> list[str]:
    """Nodes of which the router knows nothing: it does not run this config."""
    return [
        f"{n.kind} {n.label}"
        for n in graph.nodes
        if (kind := KINDS.get(n.kind)) and n.kind != "processor" and n.label not in reading.counted[kind]
    ]
