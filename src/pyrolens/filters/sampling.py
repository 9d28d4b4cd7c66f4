"""processor sampling: a part of the records.

Source: Fluent Bit 5.1.1 plugins/processor_sampling (sampling.c, sampling_conf.c, sampling_probabilistic.c), where it is
of traces, and does nothing to logs.
"""

import json
import random
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pyrolens.api import Event, Filter, FilterEnv, Record, Transform, opt, plugin
from pyrolens.options import Kind, read_int
from pyrolens.records.accessor import Get, accessor

PARTS = 1_000_000
"""Of which a trace has one, by its id."""


def read_settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise ValueError("expected a map such as {sampling_percentage: 10}")
    return settings


Settings = Annotated[dict[str, Any], Kind("map", read_settings)]


@plugin("sampling")
class Sampling(Filter):
    """Keep a part of the records, if sample_logs is on. It is a processor: it stands below an input or an output.

    Without sample_logs it leaves logs alone, as Fluent Bit does, whose sampling is of traces."""

    only_processor = True
    ignored = MappingProxyType(
        {
            "debug": "it prints spans of traces, and there are none",
            "conditions": "they are of the tail sampling of traces",
        }
    )
    differs = ("sample_logs is ours: a config of Fluent Bit loses no record by being run here",)

    type: Literal["probabilistic", "tail"] = opt("How; tail is of traces only.")
    sampling_settings: Settings = opt(
        "sampling_percentage: how many of 100 records are kept, a whole number; without it 10.", default={}
    )
    sample_logs: bool = opt("Sample logs, too. Not in Fluent Bit.", default=False)
    trace_key: str = opt(
        "Of sample_logs: the field with the id of a trace, of 32 hexadecimal digits. The records of a trace are kept or"
        " dropped together, and with the spans that a Fluent Bit keeps; others by chance. Not in Fluent Bit.",
        default="trace_id",
    )

    def check(self) -> Iterable[tuple[str, str]]:
        if self.sample_logs and self.type == "tail":
            yield "type", "type tail is of traces: sample_logs needs type probabilistic"

    def compile(self, env: FilterEnv) -> Transform:
        if not self.sample_logs:
            env.log.warning("logs are left alone, as in Fluent Bit", hint="sample_logs on samples them")
            return lambda tag, events: events
        percent = read_int(str(self.sampling_settings.get("sampling_percentage", 10)))
        keeps = keeper(percent, accessor(self.trace_key))

        def sample(tag: str, events: list[Event]) -> list[Event]:
            return [event for event in events if keeps(event[1])]

        return sample


def keeper(percent: int, trace: Get) -> Callable[[Record], bool]:
    def keeps(record: Record) -> bool:
        place = place_of(trace(record))
        return (place if place is not None else random.random() * 100) < percent

    return keeps


def place_of(trace_id: Any) -> float | None:
    """Where a trace stands between 0 and 100; None: that is no id of one."""
    if not isinstance(trace_id, str) or len(trace_id) != 32:
        return None
    try:
        return int(trace_id[:16], 16) % PARTS / (PARTS / 100)
    except ValueError:
        return None
