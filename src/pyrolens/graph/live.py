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

from pyrolens.graph.model import ELSEWHERE, Graph, Node, Rate
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
    emitting = {e.source for e in graph.edges if e.kind == "emit"}
    passed = {}
    for node in graph.nodes:
        known = nodes.get(node.id)
        if known is None or known.records is None or node.kind == "output" or node.id in emitting:
            continue
        added = 0.0 if node.kind == "input" else rate("filter", node.label, "add_records") or 0.0
        passed[node.id] = known.records - (known.dropped or 0.0) + added
    return graph.with_rates(nodes, _on_edges(graph, nodes, passed))


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


def _on_edges(graph: Graph, nodes: Mapping[str, Rate], passed: Mapping[str, float]) -> dict[tuple[str, str, str], Rate]:
    """`passed`: what goes on behind inputs and filters, where that is known."""
    found: dict[tuple[str, str, str], Rate] = {}
    for edge in graph.edges:
        leaving = [e for e in graph.edges if e.source == edge.source]
        entering = [e for e in graph.edges if e.target == edge.target]
        target, into = graph.ids[edge.target], nodes.get(edge.target)
        key = (edge.source, edge.target, edge.kind)
        # outputs of the same tags all get the same records
        alike = all(graph.ids[e.target].kind == "output" and e.flows == edge.flows for e in leaving)
        if (len(leaving) == 1 or alike) and edge.source in passed:
            found[key] = Rate(passed[edge.source])
        elif len(entering) == 1 and into is not None and (target.kind != "output" or not troubled(into)):
            found[key] = Rate(into.records)
    return found


def troubled(rate: Rate) -> bool:
    """What an output delivers is not what comes to it."""
    return any((rate.dropped, rate.errors, rate.retries))


def missing(graph: Graph, reading: Reading) -> list[str]:
    """Nodes of which the router knows nothing: it does not run this config."""
    return [
        f"{n.kind} {n.label}"
        for n in graph.nodes
        if (kind := KINDS.get(n.kind))
        and n.kind != "processor"
        and n.head != ELSEWHERE
        and n.label not in reading.counted[kind]
    ]
