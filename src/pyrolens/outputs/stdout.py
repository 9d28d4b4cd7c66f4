"""output stdout.

Source: Fluent Bit 5.1.1 plugins/out_stdout/stdout.c."""

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
from pyrolens.outputs._standard_out import write_out
from pyrolens.records.codecs import Json, stdout_text
from pyrolens.records.codecs.prometheus import plain_text

METRICS = object()
"""Key of the chunks of metrics."""


@plugin("stdout")
class Stdout(Output):
    """Print records and metrics on standard output."""

    takes_metrics = True

    format: str | None = opt("msgpack (readable text), json, json_lines or json_stream.", default=None)
    json_date_key: str = opt("Field for the time of a record; false: none.", default="date")
    json_date_format: str | None = opt(
        "double, iso8601, epoch, epoch_ms or java_sql_timestamp; double if not given.", default=None
    )
    log_key: str | None = opt("Print only the text of this field. Not in Fluent Bit.", default=None)

    def open(self, env: OutputEnv) -> "StdoutSink":
        form = format_of(env, self.format)
        return StdoutSink(form, json_of(env, self.json_date_key, self.json_date_format), self.log_key)


class StdoutSink:
    limits = Limits(calls=1)

    def __init__(self, form: str, json: Json, key: str | None = None) -> None:
        """key: of the only field that is printed."""
        self.form, self.json, self.key = "text" if key else form, json, key

    def encoder(self, tag: str) -> Encode:
        json, form, key = self.json, self.form, self.key

        def texts(events: list[Event]) -> list[Parcel]:
            items = [f"{record.get(key or '', '')}\n".encode(errors="surrogateescape") for _, record in events]
            return [Parcel(tag, items, len(items), sum(map(len, items)))]

        if key:
            return texts

        def encode(events: list[Event]) -> list[Parcel]:
            items = json.each(events) if form != "msgpack" else [_text(tag, ns, record) for ns, record in events]
            return [Parcel(tag, items, len(items), sum(map(len, items)))]

        return encode

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        return as_whole(METRICS, lambda metrics: plain_text(metrics).encode(errors="surrogateescape"))

    async def start(self) -> None:
        pass

    async def deliver(self, chunk: Chunk) -> Outcome:
        await write_out(b"".join(chunk.items) if chunk.key is METRICS else self._joined(chunk.items))
        return DELIVERED

    def _joined(self, items: list[bytes]) -> bytes:
        if self.form == "msgpack":
            return b"".join([b"[%d] %b" % numbered for numbered in enumerate(items)])
        if self.form == "json":
            return b"[" + b",".join(items) + b"]\n"
        if self.form == "text":
            return b"".join(items)
        return (b"\n" if self.form == "json_lines" else b"").join(items) + b"\n"

    async def close(self) -> None:
        pass


def _text(tag: str, ns: int, record: dict[str, object]) -> bytes:
    return f"{tag}: {stdout_text(ns, record)}\n".encode(errors="surrogateescape")
