"""output splunk.

Source: Fluent Bit 5.1.1 plugins/out_splunk; Splunk's reference of the HTTP Event Collector."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from pyrolens.api import (
    Chunk,
    EncodeMetrics,
    Event,
    Limits,
    Net,
    Outcome,
    Output,
    OutputEnv,
    Pair,
    Secret,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.net import Response
from pyrolens.outputs._metrics import MetricsOf, each_sample
from pyrolens.outputs._post import (
    IGNORED,
    WHOLE_ANSWERS,
    Frame,
    Gzip,
    Lines,
    Poster,
    PostSink,
    Table,
    basic,
    client_error,
    poster,
    reason_of,
)
from pyrolens.records.accessor import MISSING, accessor
from pyrolens.records.codecs import Json, json_text, json_value
from pyrolens.records.codecs.dates import double
from pyrolens.records.codecs.json import double_text
from pyrolens.records.event import Record
from pyrolens.records.template import Render, Template

LIMITS = Limits(size=1_000_000)
"""Bytes: what collectors of older versions take (max_content_length)."""
META = ("event_host", "event_source", "event_sourcetype_key", "event_index_key")


@plugin("splunk")
class Splunk(Output):
    """Send records and metrics to Splunk's HTTP Event Collector."""

    takes_metrics = True
    ignored = {
        **IGNORED,
        "http_buffer_size": WHOLE_ANSWERS,
        "http_debug_bad_request": "what the collector says about a bad request is always logged",
    }
    differs = (
        "A request holds at most 1 MB; the collectors of older versions refuse more.",
        "Where the collector names the event that is wrong, that one is rejected and the others are sent again; "
        "Fluent Bit drops the whole chunk.",
        "Event_Field: a list is sent as it is and a map as its JSON; Fluent Bit leaves lists out, and sends maps, for "
        "which the collector refuses the whole request.",
        "Metrics: numbers have all of their digits, where Fluent Bit writes six; what is no number is left out.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
    )

    host: str = opt("Host of the collector.", default="127.0.0.1")
    port: int = opt("Port of the collector.", default=8088, low=1, high=65535)
    splunk_token: Secret | None = opt("Token of the collector.", default=None)
    http_user: str | None = opt("User for basic authentication, in place of the token.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    compress: Gzip = opt("gzip: compress the body.", default=False)
    channel: str | None = opt("Channel of the requests (X-Splunk-Request-Channel).", default=None)
    event_key: str | None = opt("Accessor of the field that is the event; else the whole record.", default=None)
    event_host: str | None = opt("Host of the event; may hold accessors.", default=None)
    event_source: str | None = opt("Source of the event; may hold accessors.", default=None)
    event_sourcetype: str | None = opt("Sourcetype of the event.", default=None)
    event_sourcetype_key: str | None = opt("Accessor of the field that is the sourcetype instead.", default=None)
    event_index: str | None = opt("Index of the event.", default=None)
    event_index_key: str | None = opt("Accessor of the field that is the index instead.", default=None)
    event_field: list[Pair] = opt("Add an indexed field: its name, a blank, an accessor.", default=[])
    splunk_send_raw: bool = opt("Send records as they are, without the time and the rest around them.", default=False)
    auto_extract_timestamp: bool = opt("Let Splunk find the time in the event.", default=False)
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.splunk_token and not self.http_user:
            yield "splunk_token", "splunk needs splunk_token or http_user"
        if self.event_key and not self.event_key.startswith("$"):
            yield "event_key", f"event_key is '{self.event_key}': expected an accessor such as $log"
        texts = [(name, getattr(self, name)) for name in ("event_key", *META)]
        for name, text in [*texts, *(("event_field", pair.value) for pair in self.event_field)]:
            try:
                Template(text or "")
            except ValueError as why:
                yield name, f"{name}: {why}"

    def open(self, env: OutputEnv) -> "SplunkSink":
        headers = [("User-Agent", "Fluent-Bit")]
        if self.http_user:
            headers.append(basic(self.http_user, self.http_passwd))
        else:
            headers.append(("Authorization", f"Splunk {self.splunk_token}"))
        if self.channel:
            headers.append(("X-Splunk-Request-Channel", self.channel))
        target = "/services/collector/event"
        if self.auto_extract_timestamp:
            target += "?auto_extract_timestamp=true"
        tls = self.tls if self.tls_on else None
        post = poster(self.host, self.port, self.net, tls, target, headers, gzip=self.compress)

        def lines(tag: str) -> Lines:
            return self.lines(tag, env)

        return SplunkSink(env, post, lines, self.about_metrics())

    def about_metrics(self) -> dict[str, str]:
        """What stands around each metric. Accessors have no record to look into there."""
        named = {
            "host": self.event_host,
            "index": self.event_index,
            "source": self.event_source,
            "sourcetype": self.event_sourcetype,
        }
        fixed = {name: text for name, text in named.items() if text and "$" not in text}
        return {"host": "localhost", **fixed}

    def lines(self, tag: str, env: OutputEnv) -> Lines:
        each = Json(None, escape_unicode=env.escape_unicode).each
        escape = env.escape_unicode
        raw, no_time = self.splunk_send_raw, self.auto_extract_timestamp
        text_of = render(self.event_key, tag)
        meta = None if raw else self.meta(tag, escape)

        def whole(events: list[Event]) -> list[bytes]:
            out = each([(0, record) for _, record in events])
            if not text_of:
                return out
            texts = [text_of(record, ()) for _, record in events]
            return [json_value(t, escape_unicode=escape) if t else line for t, line in zip(texts, out, strict=True)]

        def lines(events: list[Event]) -> list[bytes]:
            bodies = whole(events)
            if raw:
                return [body + b"\n" for body in bodies]
            heads = [b"{" if no_time else b'{"time":%s,' % double_text(double(ns)).encode() for ns, _ in events]
            metas = [meta(record) for _, record in events] if meta else [b""] * len(events)
            parts = zip(heads, metas, bodies, strict=True)
            return [b"".join((head, around, b'"event":', body, b"}")) for head, around, body in parts]

        return lines

    def meta(self, tag: str, escape: bool) -> Callable[[Record], bytes] | None:
        """What stands between the time and the event; None for nothing."""
        texts: list[tuple[str, Render | None, str | None]] = [
            ("host", render(self.event_host, tag), None),
            ("source", render(self.event_source, tag), None),
            ("sourcetype", render(self.event_sourcetype_key, tag), self.event_sourcetype),
            ("index", render(self.event_index_key, tag), self.event_index),
        ]
        texts = [text for text in texts if text[1] or text[2]]
        fields = [(pair.key, accessor(pair.value)) for pair in self.event_field]
        if not texts and not fields:
            return None

        def meta(record: Record) -> bytes:
            out: dict[str, Any] = {}
            for name, of_record, fixed in texts:
                text = (of_record(record, ()) if of_record else None) or fixed
                if text:
                    out[name] = text
            if fields:
                found = [(name, get(record)) for name, get in fields]
                out["fields"] = {name: flat(value) for name, value in found if value is not MISSING}
            return json_value(out, escape_unicode=escape)[1:-1] + b"," if out else b""

        return meta


def render(text: str | None, tag: str) -> Render | None:
    return Template(text).render(tag) if text else None


def flat(value: Any) -> Any:
    return json_text(value) if isinstance(value, dict) else value


class Said(msgspec.Struct):
    """What the collector answers to a request that it refuses."""

    number: int = msgspec.field(default=-1, name="invalid-event-number")


class SplunkSink(PostSink):
    def __init__(self, env: OutputEnv, poster: Poster, lines: Callable[[str], Lines], about: Mapping[str, str]) -> None:
        table = Table(frozenset({200}), client_error)
        super().__init__(env, poster, lines, frame=Frame(), table=table, limits=LIMITS)
        self.about = about
        """What stands around each metric."""

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        from pyrolens.outputs._splunk_metrics import hec_events  # few routers send metrics to Splunk

        return each_sample(self.env, MetricsOf(tag), partial(hec_events, self.about))

    def outcome(self, chunk: Chunk, answer: Response) -> Outcome:
        # a sample may be several events
        if answer.status == 400 and len(chunk.items) > 1 and not isinstance(chunk.key, MetricsOf):
            try:
                wrong = msgspec.json.decode(answer.body, type=Said).number
            except msgspec.DecodeError:
                wrong = -1
            if 0 <= wrong < len(chunk.items):
                others = [n for n in range(len(chunk.items)) if n != wrong]
                return Outcome(others, {wrong: reason_of(answer)}, f"event {wrong} of the request was refused")
        return super().outcome(chunk, answer)
