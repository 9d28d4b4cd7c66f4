"""What outputs of metrics have in common."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pyrolens.api import Encode, EncodeMetrics, Event, MetricSet, OutputEnv, Pair, Parcel

ADD_LABEL = "Add a label to every metric: its name, a blank, its value."


def as_whole(key: object, write: Callable[[MetricSet], bytes]) -> EncodeMetrics:
    """A reading is one item, which is delivered or fails as a whole; its samples are the records."""

    def encode(metrics: MetricSet) -> list[Parcel]:
        data = write(metrics)
        return [Parcel(key, [data], len(metrics), len(data))]

    return encode


class MetricsOf(NamedTuple):
    """Key of the chunks of metrics, where an output sends records of the same tag."""

    tag: str


def each_sample(env: OutputEnv, key: MetricsOf, write: Callable[[MetricSet], Iterable[bytes]]) -> EncodeMetrics:
    """Each sample is an item; `write` leaves out those that are no numbers."""

    def encode(metrics: MetricSet) -> list[Parcel]:
        items = list(write(metrics))
        if lost := len(metrics) - len(items):
            env.count("samples_without_number", lost)
        return [Parcel(key, items, len(items), sum(map(len, items)))] if items else []

    return encode


def check_labels(pairs: Iterable[Pair]) -> Iterable[tuple[str, str]]:
    for pair in pairs:
        if not pair.value:
            yield "add_label", f"add_label is '{pair.key}': expected a name and a value, as in: add_label env prod"


class OnlyMetrics:
    """The part of a sink that takes no logs; the class of its plugin says so, too."""

    def encoder(self, tag: str) -> Encode:
        def encode(events: list[Event]) -> list[Parcel]:
            raise TypeError("only metrics are taken here")

        return encode
