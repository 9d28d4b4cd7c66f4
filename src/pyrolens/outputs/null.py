"""output null.

Source: Fluent Bit 5.1.1 plugins/out_null/null.c."""

from pyrolens.api import (
    DELIVERED,
    Chunk,
    Encode,
    EncodeMetrics,
    Event,
    Limits,
    Outcome,
    Output,
    OutputEnv,
    Parcel,
    opt,
    plugin,
)
from pyrolens.outputs._formats import format_of, json_of
from pyrolens.outputs._metrics import as_whole
from pyrolens.records.codecs import Json


@plugin("null")
class Null(Output):
    """Throw records and metrics away."""

    takes_metrics = True

    format: str | None = opt(
        "json, json_lines or json_stream: encode the records first, to measure what that takes.", default=None
    )
    json_date_key: str = opt("Field for the time of a record; false: none.", default="date")
    json_date_format: str | None = opt(
        "double, iso8601, epoch, epoch_ms or java_sql_timestamp; double if not given.", default=None
    )

    def open(self, env: OutputEnv) -> "NullSink":
        form = format_of(env, self.format)
        json = json_of(env, self.json_date_key, self.json_date_format)
        return NullSink(None if form == "msgpack" else json)


class NullSink:
    limits = Limits()

    def __init__(self, json: Json | None) -> None:
        self.json = json

    def encoder(self, tag: str) -> Encode:
        json = self.json

        def encode(events: list[Event]) -> list[Parcel]:
            size = len(json.lines(events)) if json else 0
            return [Parcel(tag, [b""], len(events), size, [size])]

        return encode

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        return as_whole(tag, lambda metrics: b"")

    async def start(self) -> None:
        pass

    async def deliver(self, chunk: Chunk) -> Outcome:
        return DELIVERED

    async def close(self) -> None:
        pass
