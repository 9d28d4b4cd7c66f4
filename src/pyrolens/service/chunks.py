"""How many chunks wait, in memory and on disk.

A batch that has not settled counts as one: it is in memory, and on disk, too, where its input stores. Batches of
earlier runs that are still to be read, and chunks in the spool of an output, are on disk alone.
Source: Fluent Bit 5.1.1 src/flb_storage.c: the names, and what they mean.
"""

from collections.abc import Iterable

from pyrolens.service.metrics import InputMetrics, Metrics


def of_input(metrics: InputMetrics) -> dict[str, int]:
    """`busy`: on their way to outputs, and their bytes."""
    up = len(metrics.open)
    return {
        "total": up + metrics.unread,
        "up": up,
        "down": metrics.unread,
        "busy": up,
        "busy_size": metrics.unsettled,
    }


def of_all(metrics: Metrics) -> dict[str, int]:
    up, memory = _open(metrics, stored=True), _open(metrics, stored=False)
    down = sum(i.unread for i in metrics.inputs.values()) + sum(o.stored_chunks for o in metrics.outputs.values())
    return {
        "total_chunks": memory + up + down,
        "mem_chunks": memory,
        "fs_chunks": up + down,
        "fs_chunks_up": up,
        "fs_chunks_down": down,
    }


def _open(metrics: Metrics, *, stored: bool) -> int:
    inputs: Iterable[InputMetrics] = metrics.inputs.values()
    return sum(len(each.open) for each in inputs if each.stores is stored)
