"""Where the records of a tag come in: they are encoded, and what cannot be is refused alone."""

from collections.abc import Callable

from pyrolens.delivery.books import Books
from pyrolens.delivery.outcome import Origin, Parcel, Sink, TakesMetrics
from pyrolens.delivery.receipt import Receipt
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet

Add = Callable[[Parcel, Receipt], None]


def unfit(error: Exception) -> str:
    return f"cannot be encoded: {type(error).__name__}: {error}"


def door(sink: Sink, tag: str, books: Books, add: Add) -> Callable[[list[Event], Receipt], None]:
    encode = sink.encoder(tag)

    def accept(events: list[Event], receipt: Receipt) -> None:
        books.encoding = receipt
        try:
            parcels = list(encode(events))
        except Exception as error:
            if len(events) > 1:
                for event in events:
                    accept([event], receipt)
            else:
                books.refuse(1, unfit(error), [(tag, events[0])], [receipt], tag=tag)
            return
        for parcel in parcels:
            add(parcel, receipt)

    def accept_each(events: list[Event], receipt: Receipt) -> None:
        """Where dead letters are wanted it must be known which record an item comes from."""
        for event in events:
            accept_one((tag, event), receipt)

    def accept_one(origin: Origin, receipt: Receipt) -> None:
        books.encoding = receipt
        try:
            parcels = list(encode([origin[1]]))
        except Exception as error:
            books.refuse(1, unfit(error), [origin], [receipt], tag=tag)
            return
        for parcel in parcels:
            add(parcel._replace(origins=[origin]), receipt)

    return accept if books.dead is None else accept_each


def metrics_door(sink: TakesMetrics, tag: str, books: Books, add: Add) -> Callable[[MetricSet, Receipt], None]:
    encode = sink.metrics_encoder(tag)

    def accept(metrics: MetricSet, receipt: Receipt) -> None:
        books.encoding = receipt
        origins = [] if books.dead is None else [(tag, as_record(metrics))]
        try:
            parcels = list(encode(metrics))
        except Exception as error:
            books.refuse(len(metrics), unfit(error), origins, [receipt], tag=tag)
            return
        for parcel in parcels:
            add(parcel._replace(origins=origins) if origins else parcel, receipt)

    return accept


def as_record(metrics: MetricSet) -> Event:
    from pyrolens.records.codecs.prometheus import as_event  # few routers keep dead letters of metrics

    return as_event(metrics)
