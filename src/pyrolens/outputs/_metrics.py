"""What outputs of metrics have in common."""

from collections.abc import Callable, Iterable

from pyrolens.api import Encode, EncodeMetrics, Event, MetricSet, Pair, Parcel

ADD_LABEL = "Add a label to every metric: its name, a blank, its value."


def as_whole(key: object, write: Callable[[MetricSet], bytes]) -> EncodeMetrics:
    """A reading is one item, which is delivered or fails as a whole; its samples are the records."""

    def encode(metrics: MetricSet) -> list[Parcel]:
        data = write(metrics)
        return [Parcel(key, [data], len(metrics), len(data))]

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
