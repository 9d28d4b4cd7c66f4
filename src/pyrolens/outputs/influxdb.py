"""output influxdb.

Source: Fluent Bit 5.1.1 plugins/out_influxdb; InfluxData's reference of the line protocol and of the write API."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from pyrolens.api import EncodeMetrics, Event, Net, Output, OutputEnv, Pair, Secret, Tls, group, opt, plugin
from pyrolens.outputs._line_protocol import measurement, name, text_of
from pyrolens.outputs._metrics import MetricsOf, each_sample
from pyrolens.outputs._post import (
    IGNORED,
    Frame,
    Headers,
    Lines,
    PostSink,
    Table,
    basic,
    client_error,
    own_headers,
    poster,
    valid_target,
)
from pyrolens.records.codecs import json_text
from pyrolens.records.event import Record

SEQUENCE = 100_000
GREATEST = 2**63 - 1


@plugin("influxdb")
class Influxdb(Output):
    """Send records to InfluxDB, as points whose measurement is the tag, and metrics."""

    takes_metrics = True
    ignored = IGNORED
    differs = (
        "Failures are tried again (408, 429, 5xx), and what the server refuses is counted and logged; Fluent Bit looks "
        "at no status and loses the records.",
        "Text arrives as it is, in UTF-8: Fluent Bit sends JSON's escapes, which InfluxDB keeps as they are.",
        "The measurement is escaped; for a tag with a blank Fluent Bit sends lines that are none.",
        "Maps and lists are sent as JSON, and small numbers with all their digits; Fluent Bit leaves out the first, "
        "and makes 0.000000 of the others.",
        "A record of which no field is left is rejected, counted and logged.",
        "Metrics: histograms and summaries have their name as the measurement; Fluent Bit leaves the last part of it "
        "out, so that one overwrites another. What is no number is left out; InfluxDB refuses the whole line.",
        "No two points get the same time, and a point keeps its time and its number when it is sent again.",
    )

    host: str = opt("Host of the server.", default="127.0.0.1")
    port: int = opt("Port of the server.", default=8086, low=1, high=65535)
    database: str = opt("Database (version 1).", default="fluentbit")
    bucket: str | None = opt("Bucket (from version 2 on).", default=None)
    org: str = opt("Organization that the bucket belongs to.", default="fluent")
    uri: str | None = opt("Another path, with its query.", default=None)
    sequence_tag: str = opt("Name of the tag that numbers the records; off: none.", default="_seq")
    http_user: str | None = opt("User for basic authentication.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    http_token: Secret | None = opt("Token (from version 2 on).", default=None)
    http_header: list[Pair] = opt("Add a header: its name, a blank, its value.", default=[], words=1)
    auto_tags: bool = opt("All fields that are text become tags.", default=False)
    tag_keys: str = opt("Fields that become tags, with blanks between.", default="")
    add_integer_suffix: bool = opt("Whole numbers are integers, not doubles.", default=False)
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.uri and not self.uri.startswith("/"):
            yield "uri", f"uri is '{self.uri}': expected a path that begins with /"

    def open(self, env: OutputEnv) -> PostSink:
        headers: Headers = [("User-Agent", "Fluent-Bit")]
        if self.http_token:
            headers.append(("Authorization", f"Token {self.http_token}"))
        elif self.http_user:
            headers.append(basic(self.http_user, self.http_passwd))
        headers += own_headers(self.http_header)
        tls = self.tls if self.tls_on else None
        post = poster(self.host, self.port, self.net, tls, self.target(), headers)
        points = Points(self, env)
        return InfluxSink(env, post, points.lines, frame=Frame(b"", b"\n"), table=Table(refused=client_error))

    def target(self) -> str:
        if self.uri:
            return valid_target(self.uri)
        if self.bucket:
            return f"/api/v2/write?org={quote(self.org, safe='')}&bucket={quote(self.bucket, safe='')}&precision=ns"
        return f"/write?db={quote(self.database, safe='')}&precision=n"


class InfluxSink(PostSink):
    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        from pyrolens.outputs._influx_metrics import points  # few routers send metrics to InfluxDB

        return each_sample(self.env, MetricsOf(tag), points)


class Points:
    """Writes events as points. Those of one time get a nanosecond more each, for equal points replace each other."""

    def __init__(self, options: Influxdb, env: OutputEnv) -> None:
        self.options = options
        self.env = env
        self.tagged = frozenset(options.tag_keys.split())
        self.sequence = "" if options.sequence_tag == "off" else name(options.sequence_tag)
        self.number = 0
        self.first = self.last = -1
        """The times of the run of points that moved each other on."""

    def lines(self, tag: str) -> Lines:
        measured = measurement(tag)

        def lines(events: list[Event]) -> list[bytes]:
            out = []
            unfit = []
            for event in events:
                number, self.number = self.number, (self.number + 1) % SEQUENCE
                tags, fields = self.sides(event[1])
                if not fields:
                    unfit.append(event)
                    continue
                if self.sequence:
                    tags.insert(0, f"{self.sequence}={number}")
                out.append(f"{','.join([measured, *tags])} {','.join(fields)} {self.time(event[0])}".encode())
            if unfit:
                self.env.reject(unfit, tag, "no field is left for InfluxDB")
            return out

        return lines

    def time(self, ns: int) -> int:
        """The time of a point: the record's, or one after the last."""
        if self.first <= ns <= self.last:
            self.last += 1
        else:
            self.first = self.last = int(ns)
        return self.last

    def sides(self, record: Record) -> tuple[list[str], list[str]]:
        """Tags and fields."""
        tags: list[str] = []
        fields: list[str] = []
        for key, value in record.items():
            key = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
            if not isinstance(key, str) or not key:
                continue
            if key in self.tagged or (self.options.auto_tags and isinstance(value, str)):
                text = name(value if isinstance(value, str) else self.field(value).strip('"'))
                if text:
                    tags.append(f"{name(key)}={text}")
            elif text := self.field(value):
                fields.append(f"{field_name(key)}={text}")
        return tags, fields

    def field(self, value: Any) -> str:
        """Of a field; "" for a value that is none."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, int):
            return f"{value}i" if self.options.add_integer_suffix and value <= GREATEST else str(value)
        if isinstance(value, float):
            if value != value or abs(value) == float("inf"):
                return ""
            return f"{value:f}" if float(f"{value:f}") == value else repr(value)
        text = text_of(value) if isinstance(value, (str, bytes)) else json_text(value, escape_unicode=False)
        if "\\" in text or '"' in text:
            text = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'


field_name = lru_cache(maxsize=1024)(name)
