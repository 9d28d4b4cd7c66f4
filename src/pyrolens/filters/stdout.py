"""filter stdout.

Source: plugins/filter_stdout/stdout.c (Fluent Bit 5.1.1).
"""

import sys

from pyrolens.api import Event, Filter, FilterEnv, Transform, plugin
from pyrolens.records.codecs.text import text_of
from pyrolens.records.event import SECOND, metadata_of


@plugin("stdout")
class StdoutFilter(Filter):
    """Print records on standard output, and let them pass."""

    def compile(self, env: FilterEnv) -> Transform:
        def show(tag: str, events: list[Event]) -> list[Event]:
            text = "".join([line(n, tag, event) for n, event in enumerate(events)])
            sys.stdout.buffer.write(text.encode(errors="surrogateescape"))
            sys.stdout.buffer.flush()
            return events

        return show


def line(number: int, tag: str, event: Event) -> str:
    ns, record = event
    seconds, rest = divmod(int(ns), SECOND)
    return f"[{number}] {tag}: [{seconds}.{rest:09d}, {text_of(metadata_of(ns))}, {text_of(record)}]\n"
