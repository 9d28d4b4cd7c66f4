"""output opentelemetry: logs and metrics over HTTP.

Source: Fluent Bit 5.1.1 plugins/out_opentelemetry; OpenTelemetry Protocol Specification 1.x (OTLP/HTTP)."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

from pyrolens.api import (
    DELIVERED,
    Chunk,
    Encode,
    EncodeMetrics,
    Event,
    Limits,
    Net,
    Outcome,
    Output,
    OutputEnv,
    Pair,
    Parcel,
    Secret,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.aws import CredentialsError, Identity, Signer, signer_of
from pyrolens.aws.options import check_identity
from pyrolens.net import NetError, Response, compressor
from pyrolens.net.client import header_names
from pyrolens.outputs._metrics import ADD_LABEL, as_whole, check_labels
from pyrolens.outputs._otlp import NOTHING, Common, common, log_record, partial_success, request
from pyrolens.outputs._otlp_metrics import request as metrics_request
from pyrolens.outputs._otlp_metrics import scope_metrics
from pyrolens.outputs._post import (
    BIG,
    CONTENT,
    IGNORED,
    NO_OAUTH2,
    OAUTH2_IGNORED,
    SECONDS,
    Headers,
    again,
    basic,
    check_proxy,
    client_of,
    own_headers,
    reason_of,
    valid_target,
)
from pyrolens.outputs._wire import each
from pyrolens.records.accessor import MISSING, Get, Key, accessor, first_key
from pyrolens.records.event import Record, group_of, metadata_of

RETRIED = frozenset({429, 502, 503, 504})
"""Source: OTLP/HTTP, retryable response codes."""
NO_TRACES = "the router carries logs and metrics, and neither traces nor profiles"
NO_GRPC = "gRPC is not spoken; OTLP over HTTP is (port 4318 of a collector)"
NO_GROUPS = "a request has one resource and one scope"
METADATA = ("observed_timestamp", "timestamp", "severity_text", "severity_number", "trace_flags", "span_id", "trace_id")
MESSAGE = ("span_id", "trace_id", "severity_text", "severity_number")


METRICS = object()
"""Key of the chunks of metrics."""


@plugin("opentelemetry")
class OpenTelemetry(Output):
    """Send logs and metrics to an OpenTelemetry collector, or to whatever else takes OTLP over HTTP."""

    takes_metrics = True

    ignored = {
        **IGNORED,
        **dict.fromkeys(("traces_uri", "profiles_uri"), NO_TRACES),
        **dict.fromkeys(
            ("grpc_logs_uri", "grpc_metrics_uri", "grpc_traces_uri", "grpc_profiles_uri"), NO_GRPC
        ),
        **OAUTH2_IGNORED,
        **dict.fromkeys(
            (
                "logs_max_resources", "logs_max_scopes", "logs_instrumentation_scope_metadata_key",
                "logs_resource_metadata_key",
            ),
            NO_GROUPS,
        ),
        "logs_metadata_key": "the key is otlp, as in Fluent Bit, which does not look at the option either",
    }  # fmt: skip
    differs = (
        "Only logs and metrics, over HTTP/1.1, and a request for each resource and scope of logs.",
        "The counts of a histogram are those of each bucket, as OTLP wants it; Fluent Bit adds up those below.",
        "A request that fails is sent again alone; Fluent Bit loses requests of a chunk that fail before its last.",
        "Records that the receiver refuses in a partial success are counted and logged.",
        "Text is always UTF-8 and whole, integers above 2**63 are text, attributes have one value for each key.",
        "Trace and span ids that cannot be are told once, and other places are looked at in turn.",
    )

    host: str = opt("Host to connect to.", default="127.0.0.1", last_wins=True)
    port: int = opt("Port to connect to; 4318 is a collector's.", default=80, low=1, high=65535, last_wins=True)
    logs_uri: str = opt("Path that logs are posted to.", default="/v1/logs")
    metrics_uri: str = opt("Path that metrics are posted to.", default="/v1/metrics")
    add_label: list[Pair] = opt(ADD_LABEL, default=[], words=1)
    logs_body_key: list[str] = opt(
        "Accessors of the field that is the body, the first that is there; else $log and $message, and else the whole "
        "record.",
        default=[],
    )
    logs_body_key_attributes: bool = opt("The other fields of the record become attributes.", default=False)
    logs_observed_timestamp_metadata_key: str = opt(
        "Where the metadata has the time of observation.", default="$ObservedTimestamp"
    )
    logs_timestamp_metadata_key: str = opt("Where the metadata has another time.", default="$Timestamp")
    logs_severity_text_metadata_key: str = opt("Where the metadata has the severity's name.", default="$SeverityText")
    logs_severity_number_metadata_key: str = opt("Where the metadata has the severity.", default="$SeverityNumber")
    logs_trace_flags_metadata_key: str = opt("Where the metadata has the flags.", default="$TraceFlags")
    logs_span_id_metadata_key: str = opt("Where the metadata has the span id.", default="$SpanId")
    logs_trace_id_metadata_key: str = opt("Where the metadata has the trace id.", default="$TraceId")
    logs_attributes_metadata_key: str = opt("Where the metadata has attributes.", default="$Attributes")
    logs_span_id_message_key: str = opt("Where the record has the span id.", default="$SpanId")
    logs_trace_id_message_key: str = opt("Where the record has the trace id.", default="$TraceId")
    logs_severity_text_message_key: str = opt("Where the record has the severity's name.", default="$SeverityText")
    logs_severity_number_message_key: str = opt("Where the record has the severity.", default="$SeverityNumber")
    batch_size: int = opt("Most records of a request; 0: 1000.", default=1000)
    header: list[Pair] = opt("Add a header: its name, a blank, its value.", default=[], words=1)
    compress: Literal["gzip", "zstd"] | None = opt("Compress the body.", default=None)
    http_user: str | None = opt("User for basic authentication.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    proxy: str | None = opt("Proxy, as http://host:port.", default=None)
    log_response_payload: bool = opt("Log what the server answers, too.", default=True)
    http2: str = opt("Only off and on are possible; with on, HTTP/1.1 is spoken.", default="off")
    grpc: bool = opt("Only off is possible.", default=False)
    oauth2_enable: bool = opt("Only off is possible.", default=False, name="oauth2.enable")
    aws_auth: bool = opt("Sign requests for AWS (SigV4).", default=False)
    aws_service: str = opt("Service that the requests are signed for.", default="logs")
    aws: Identity = group(Identity, "aws_")
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.grpc:
            yield "grpc", NO_GRPC
        if self.oauth2_enable:
            yield "oauth2.enable", NO_OAUTH2
        if self.http2.lower() == "force":
            yield "http2", "HTTP/2 is not spoken; OTLP over HTTP/1.1 is"
        if self.aws_auth:
            yield from check_identity(self.aws, "aws_")
        yield from check_proxy(self.proxy)
        yield from check_labels(self.add_label)
        for name, value in vars(self).items():
            if name.endswith("_key"):
                for text in value if isinstance(value, list) else [value]:
                    try:
                        accessor(text)
                    except ValueError as why:
                        yield name, f"{name}: {why}"

    def open(self, env: OutputEnv) -> "OtlpSink":
        if self.http2.lower() not in ("off", "no", "false"):
            env.log.warning("HTTP/1.1 is spoken", http2=self.http2)
        return OtlpSink(self, env)


class OtlpSink:
    """Each record is an item, encoded as it comes; the items of a chunk are one request."""

    def __init__(self, options: OpenTelemetry, env: OutputEnv) -> None:
        """Raises: ConfigError."""
        self.options = options
        self.env = env
        tls = options.tls if options.tls_on else None
        self.client, needed = client_of(options.host, options.port, options.net, tls, options.proxy)
        self.target = valid_target(options.logs_uri)
        self.metrics_target = valid_target(options.metrics_uri)
        self.labels = tuple((pair.key, pair.value) for pair in options.add_label)
        self.compress = compressor(options.compress) if options.compress else None
        self.headers = self._headers(needed)
        self.signer: Signer | None = None
        if options.aws_auth:
            self.signer = signer_of(options.aws_service, options.aws, options.net, options.tls, env.log)
        self.limits = Limits(items=options.batch_size if options.batch_size > 0 else 1000)

    def _headers(self, needed: Headers) -> Headers:
        options = self.options
        made: Headers = [*needed, ("Content-Type", "application/x-protobuf"), ("User-Agent", "Fluent-Bit")]
        if options.http_user:
            made.append(basic(options.http_user, options.http_passwd))
        if options.compress:
            made.append(("Content-Encoding", options.compress))
        made += own_headers(options.header)
        last = {name.lower(): n for n, (name, _) in enumerate(made)}
        return [(name, value) for n, (name, value) in enumerate(made) if last[name.lower()] == n]

    def encoder(self, tag: str) -> Encode:
        plain = each(Records(self.options, self.env).lines, tag)

        def encode(events: list[Event]) -> Iterable[Parcel]:
            if not any(group_of(ns) for ns, _ in events if ns.__class__ is not int):
                return plain(events)
            known: dict[int, Common] = {}  # by identity, for a scope has one for all of its records
            batches: dict[Common, list[Event]] = {}
            for event in events:
                found = group_of(event[0])
                key = known.get(id(found)) or known.setdefault(id(found), common(found))
                batches.setdefault(key, []).append(event)
            return [parcel._replace(key=key) for key, batch in batches.items() for parcel in plain(batch)]

        return encode

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        return as_whole(METRICS, lambda metrics: scope_metrics(metrics.labelled(self.labels)))

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        of_metrics = chunk.key is METRICS
        target = self.metrics_target if of_metrics else self.target
        if of_metrics:
            body = metrics_request(chunk.items)
        else:
            body = request(chunk.items, chunk.key if isinstance(chunk.key, Common) else NOTHING)
        if self.compress:
            body = await asyncio.to_thread(self.compress, body) if len(body) >= BIG else self.compress(body)
        try:
            answer = await self._answer(target, body)
        except (NetError, CredentialsError) as why:
            return Outcome.again(chunk, str(why))
        if 200 <= answer.status <= 205:
            self._note_refused(answer.body)
            return DELIVERED
        if not self.options.log_response_payload:
            answer = replace(answer, body=b"")
        if answer.status in RETRIED:
            return again(chunk, answer)
        return Outcome.reject(chunk, reason_of(answer), for_one=answer.status in CONTENT)

    def _note_refused(self, answer: bytes) -> None:
        refused, why = partial_success(answer)
        if refused:
            self.env.count("rejected_log_records", refused)
        if refused or why:
            self.env.log.warning("the receiver did not take all", records=refused, reason=why[:500])

    async def _answer(self, target: str, body: bytes) -> Response:
        """Raises: NetError, CredentialsError."""
        if self.signer is None:
            return await self.client.request("POST", target, self.headers, body, timeout=SECONDS)
        lines = self.headers if "host" in header_names(self.headers) else [("Host", self.client.host), *self.headers]
        return await self.signer.request(self.client, "POST", target, lines, body, seconds=SECONDS)

    async def close(self) -> None:
        await self.client.close()


class Records:
    """Events as log records."""

    def __init__(self, options: OpenTelemetry, env: OutputEnv) -> None:
        self.env = env
        self.bodies = [(first_key(k), accessor(k)) for k in options.logs_body_key or ["$log", "$message"]]
        self.rest = options.logs_body_key_attributes
        self.attributes = [accessor("$otlp['attributes']"), accessor(options.logs_attributes_metadata_key)]
        # where each is looked for: in the metadata as the input opentelemetry writes it, by its option, in the record
        self.metadata = {
            name: [accessor(f"$otlp['{name}']"), accessor(getattr(options, f"logs_{name}_metadata_key"))]
            for name in METADATA
        }
        self.message = {name: accessor(getattr(options, f"logs_{name}_message_key")) for name in MESSAGE}
        self.read: dict[str, Callable[[Any], Any]] = {
            "timestamp": unsigned(64),
            "observed_timestamp": unsigned(64),
            "severity_number": severity,
            "severity_text": lambda value: value if isinstance(value, str) else None,
            "trace_flags": unsigned(32),
            "trace_id": self._identity("trace_id", 16),
            "span_id": self._identity("span_id", 8),
        }
        self._told: set[str] = set()

    def lines(self, events: list[Event]) -> list[bytes]:
        one = self.one
        return [one(ns, record) for ns, record in events]

    def one(self, ns: int, record: Record) -> bytes:
        metadata = metadata_of(ns)
        body, attributes = self._body(record)
        found: dict[str, Any] = {}
        if metadata:
            own = {k: v for k, v in metadata.items() if isinstance(k, str) and k != "otlp"}
            given = first(self.attributes, metadata, lambda value: value if isinstance(value, dict) else None)
            attributes = {**own, **attributes, **(given or {})}
            found = {name: first(places, metadata, self.read[name]) for name, places in self.metadata.items()}
        for name, get in self.message.items():
            value = get(record)
            if value is not MISSING and found.get(name) is None:
                found[name] = self.read[name](value)
        return log_record(
            time=found.get("timestamp") or int(ns) & 0xFFFFFFFFFFFFFFFF,
            observed=found.get("observed_timestamp") or 0,
            severity=found.get("severity_number") or 0,
            severity_text=found.get("severity_text") or "",
            body=body,
            attributes=attributes,
            flags=found.get("trace_flags") or 0,
            trace_id=found.get("trace_id") or b"",
            span_id=found.get("span_id") or b"",
        )

    def _body(self, record: Record) -> tuple[Any, Record]:
        """The body, and the attributes from the record."""
        for key, get in self.bodies:
            value = get(record)
            if value is not MISSING:
                return value, without(record, key) if self.rest and key else {}
        return record, {}

    def _identity(self, name: str, size: int) -> Callable[[Any], bytes | None]:
        def read(value: Any) -> bytes | None:
            if isinstance(value, bytes) and len(value) == size:
                return value
            if isinstance(value, str) and len(value) == 2 * size:
                try:
                    return bytes.fromhex(value) if value.isalnum() else None
                except ValueError:
                    pass
            if name not in self._told:
                self._told.add(name)
                self.env.log.warning(f"this is no {name}, so it is left out", value=str(value)[:100])
            return None

        return read


def first(places: list[Get], where: Record, read: Callable[[Any], Any]) -> Any:
    """The first value that can be read; None for none."""
    for get in places:
        value = get(where)
        if value is not MISSING and (found := read(value)) is not None:
            return found
    return None


def unsigned(bits: int) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        return value if type(value) is int and 0 <= value < 2**bits else None

    return read


def severity(value: Any) -> int | None:
    return value if type(value) is int and 1 <= value <= 24 else None


def without(record: Record, key: Key) -> Record:
    """Without that field; of a path into a list, all is kept."""
    if not key.path:
        return {k: v for k, v in record.items() if k != key.name}
    inner = record.get(key.name)
    step, *path = key.path
    if not isinstance(inner, dict) or not isinstance(step, str):
        return record
    return {**record, key.name: without(inner, Key(step, tuple(path)))}
