"""The books of a run: every record that came in, and what became of it. Written at the end, where asked for."""

import json
import os
from typing import Any

from pyrolens.service.metrics import Metrics

FILE = "PYROLENS_FINAL_METRICS"
"""Environment variable: the file that gets the books, as JSON, when the router has stopped."""

PARTS = {
    "inputs": ("plugin", "records", "bytes", "counters"),
    "filters": ("plugin", "records", "added", "dropped", "emitted", "failed", "counters"),
    "outputs": (
        "plugin", "records", "bytes", "calls", "retries", "retried_records", "retries_failed", "errors",
        "dropped_records", "counters",
    ),
}  # fmt: skip


def books(metrics: Metrics, unrouted: int, unsent: int, loops: int) -> dict[str, Any]:
    """{"inputs": {name: {…}}, "filters": …, "outputs": …, "unrouted": records no output wanted, "unsent": those for
    which the config means just that, "loops": records}"""
    parts = {
        part: {m.name: {f: getattr(m, f) for f in fields} for m in getattr(metrics, part).values()}
        for part, fields in PARTS.items()
    }
    return {**parts, "unrouted": unrouted, "unsent": unsent, "loops": loops}


def write_if_asked(entries: dict[str, Any]) -> None:
    path = os.environ.get(FILE)
    if path:
        new = f"{path}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(entries, file)
        os.replace(new, path)
