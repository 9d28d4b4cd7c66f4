"""output http.

Source: Fluent Bit 5.1.1 plugins/out_http."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from pyrolens.api import (
    DELIVERED,
    Chunk,
    Encode,
    Event,
    Limits,
    Net,
    Outcome,
    Output,
    OutputEnv,
    Parcel,
    Seconds,
    Secret,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.aws import CredentialsError, Identity, Signer, signer_of
from pyrolens.aws.options import check_identity
from pyrolens.net import Client, NetError, Response, compressor
from pyrolens.net.client import header_names
from pyrolens.outputs._gelf import Gelf, GelfKeys
from pyrolens.outputs._post import (
    BIG,
    IGNORED,
    NO_OAUTH2,
    OAUTH2_IGNORED,
    Headers,
    Table,
    basic,
    check_proxy,
    client_error,
    client_of,
    valid_target,
)
from pyrolens.records.accessor import accessor
from pyrolens.records.codecs import Json, pack_entries, read_date_format
from pyrolens.records.event import Record

Body = Callable[[list[Event]], tuple[bytes, int]]
"""Events -> what they are in a body, and how many of them are in it."""

TABLE = Table(refused=client_error)

FORMATS = {
    "json": ("application/json", b"[", b",", b"]"),
    "json_stream": ("application/json", b"", b"", b""),
    "json_lines": ("application/x-ndjson", b"", b"", b""),
    "gelf": ("application/json", b"", b"", b""),
    "msgpack": ("application/msgpack", b"", b"", b""),
}
"""Content-Type, and what stands before, between and after the batches of a body."""


@plugin("http")
class Http(Output):
    """Post records to an HTTP server."""

    ignored = {**IGNORED, **OAUTH2_IGNORED}
    differs = (
        "body_key: each record's own answer counts; Fluent Bit lets the last one decide for the whole chunk, "
        "and loses or repeats the others.",
        "A call that is refused for its content (400, 413, 422) is made again in halves, where others are taken: so "
        "what is wrong with one record costs it alone, or its batch without dead_letter; Fluent Bit drops all of it.",
        "Format gelf: a record that cannot be GELF is refused alone; Fluent Bit drops its whole chunk.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
        "A Header of the name Host replaces ours, and Content-Length is left out; Fluent Bit sends both.",
        "Blanks and control characters in URI are percent-encoded.",
    )

    host: str = opt("Host to connect to.", default="127.0.0.1", last_wins=True)
    port: int = opt("Port to connect to.", default=80, low=1, high=65535, last_wins=True)
    uri: str = opt("Path that records are posted to.", default="/")
    http_method: Literal["POST", "PUT"] = opt("Method of the requests.", default="POST")
    format: str = opt("Format of the body: json, json_lines, json_stream, gelf or msgpack.", default="json")
    json_date_key: str = opt("Field for the time of a record; false: none.", default="date")
    json_date_format: str = opt("double, epoch, epoch_ms, iso8601 or java_sql_timestamp.", default="double")
    compress: Literal["gzip", "zstd", "snappy"] | None = opt("Compress the body.", default=None)
    header: list[str] = opt("Add a header: its name, a blank, its value.", default=[])
    header_tag: str | None = opt("Header that holds the tag.", default=None)
    allow_duplicated_headers: bool = opt("Off: a later header replaces one of the same name.", default=True)
    http_user: str | None = opt("User for basic authentication.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    proxy: str | None = opt("Proxy, as http://host:port, that is given the whole URL.", default=None)
    log_response_payload: bool = opt("Log what the server answers, too.", default=True)
    response_timeout: Seconds = opt("Seconds to wait for an answer.", default=60.0, name="http.response_timeout")
    read_idle_timeout: Seconds = opt(
        "Seconds without progress after which a request fails; 0: net.io_timeout.",
        default=0.0,
        name="http.read_idle_timeout",
    )
    body_key: str | None = opt("Accessor of the field whose text is the body: a request for each record.", default=None)
    headers_key: str | None = opt("Accessor of the map that holds that request's headers.", default=None)
    gelf: GelfKeys = group(GelfKeys, "gelf_")
    aws_auth: bool = opt("Sign requests for AWS (SigV4).", default=False)
    aws_service: str | None = opt("Service that the requests are signed for, such as es or aps.", default=None)
    aws: Identity = group(Identity, "aws_")
    oauth2_enable: bool = opt("Only off is possible.", default=False, name="oauth2.enable")
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if (self.body_key is None) != (self.headers_key is None):
            missing = "headers_key" if self.headers_key is None else "body_key"
            yield "body_key" if self.body_key else "headers_key", f"http needs {missing}, too: they go together"
        for name, text in (("body_key", self.body_key), ("headers_key", self.headers_key)):
            try:
                accessor(text or "")
            except ValueError as why:
                yield name, f"{name}: {why}"
        if self.aws_auth:
            if not self.aws_service:
                yield "aws_auth", "http needs aws_service for aws_auth"
            yield from check_identity(self.aws, "aws_")
        if self.oauth2_enable:
            yield "oauth2.enable", NO_OAUTH2
        yield from check_proxy(self.proxy)

    def open(self, env: OutputEnv) -> "HttpSink":
        if self.format.lower() not in FORMATS:
            env.log.warning("unknown format, msgpack is sent", format=self.format, known=", ".join(FORMATS))
        if not read_date_format(self.json_date_format):
            env.log.warning("unknown json_date_format, double is used", json_date_format=self.json_date_format)
        return HttpSink(self, env)

    def client(self) -> tuple[Client, Headers]:
        """And the headers that each request needs for the proxy. Raises: ConfigError."""
        net = self.net
        if self.read_idle_timeout:
            net = Net(**{**vars(net), "io_timeout": self.read_idle_timeout})
        return client_of(self.host, self.port, net, self.tls if self.tls_on else None, self.proxy)


class HttpSink:
    """Batches are encoded as they come and joined when they are sent."""

    limits = Limits(size=2 * 1024 * 1024)

    def __init__(self, options: Http, env: OutputEnv) -> None:
        self.options = options
        self.env = env
        self.client, self.for_proxy = options.client()
        known = options.format.lower() if options.format.lower() in FORMATS else "msgpack"
        self.type, self.before, self.between, self.after = FORMATS[known]
        self.body = body_of(known, options, env)
        self.compress = compressor(options.compress) if options.compress else None
        self.target = valid_target(options.uri)
        self.signer: Signer | None = None
        if options.aws_auth:
            self.signer = signer_of(options.aws_service or "", options.aws, options.net, options.tls, env.log)
        if options.body_key and options.headers_key:
            self.limits = Limits(size=self.limits.size, items=1)

    def encoder(self, tag: str) -> Encode:
        if self.options.body_key:
            return self.own_requests(tag)
        body = self.body

        def encode(events: list[Event]) -> list[Parcel]:
            data, records = body(events)
            return [Parcel(tag, [data], records, len(data))] if records else []

        return encode

    def own_requests(self, tag: str) -> Encode:
        """With body_key: each record is a request."""
        body_of_record = accessor(self.options.body_key or "")
        headers_of_record = accessor(self.options.headers_key or "")

        def request(record: Record) -> tuple[bytes, Headers] | None:
            body, headers = body_of_record(record), headers_of_record(record)
            if not isinstance(body, (str, bytes)) or not isinstance(headers, dict):
                return None
            data = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body
            return data, [(k, v) for k, v in headers.items() if isinstance(k, str) and isinstance(v, str)]

        def encode(events: list[Event]) -> list[Parcel]:
            made = [request(record) for _, record in events]
            if None in made:
                unfit = [event for event, item in zip(events, made, strict=True) if item is None]
                self.env.reject(unfit, tag, "no text for body_key or no map for headers_key")
            items = [item for item in made if item is not None]
            sizes = [len(body) for body, _ in items]
            return [Parcel(tag, items, len(items), sum(sizes), sizes)] if items else []

        return encode

    def shown(self, key: str, item: bytes | tuple[bytes, Headers]) -> bytes:
        return item if isinstance(item, bytes) else item[0]

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        own: Headers | None = None
        if self.options.body_key:
            body, own = chunk.items[0]
        else:
            body = self.before + self.between.join(chunk.items) + self.after
        if self.compress:
            body = await asyncio.to_thread(self.compress, body) if len(body) >= BIG else self.compress(body)
        headers = self.headers(chunk.key, own)
        try:
            answer = await self.answer(headers, body)
        except (NetError, CredentialsError) as why:
            return Outcome.again(chunk, str(why))
        return self.outcome(chunk, answer)

    def headers(self, tag: str, own: Headers | None) -> Headers:
        options = self.options
        out = list(own) if own is not None else [("Content-Type", self.type)]
        if options.header_tag:
            out.append((options.header_tag, tag))
        if options.compress:
            out.append(("Content-Encoding", options.compress))
        if options.http_user:
            out.append(basic(options.http_user, options.http_passwd))
        out.append(("User-Agent", "Fluent-Bit"))
        for line in options.header:
            name, _, value = line.strip().partition(" ")
            if name.lower() != "content-length":
                out.append((name, value.strip() or name))
        if not options.allow_duplicated_headers:
            last = {name.lower(): n for n, (name, _) in enumerate(out)}
            out = [(name, value) for n, (name, value) in enumerate(out) if last[name.lower()] == n]
        named = header_names(out)
        out += [header for header in self.for_proxy if header[0] != "Host" or "host" not in named]
        return out

    async def answer(self, headers: Headers, body: bytes) -> Response:
        """Raises: NetError, CredentialsError."""
        method, target, seconds = self.options.http_method, self.target, self.options.response_timeout
        if self.signer is None:
            return await self.client.request(method, target, headers, body, timeout=seconds)
        lines = headers if "host" in header_names(headers) else [("Host", self.client.host), *headers]
        lines.append(("Content-Length", str(len(body))))
        return await self.signer.request(self.client, method, target, lines, body, seconds=seconds)

    def outcome(self, chunk: Chunk, answer: Response) -> Outcome:
        """Source: 200 to 205 are success; of 4xx only 408 and 429 are tried again, and all else is."""
        outcome = TABLE.outcome(chunk, answer if self.options.log_response_payload else replace(answer, body=b""))
        if outcome == DELIVERED:
            text = answer.text.strip()[:500] if self.options.log_response_payload else ""
            self.env.log.debug("delivered", status=answer.status, answer=text)
        return outcome

    async def close(self) -> None:
        await self.client.close()


def body_of(name: str, options: Http, env: OutputEnv) -> Body:
    if name == "msgpack":
        return lambda events: (pack_entries(events), len(events))
    if name == "gelf":
        return Gelf(options.gelf, env).lines
    key = None if options.json_date_key.lower() in ("false", "off", "no") else options.json_date_key
    date = read_date_format(options.json_date_format) or "double"
    json = Json(key, date, escape_unicode=env.escape_unicode)
    if name == "json_lines":
        return lambda events: (json.lines(events), len(events))
    if name == "json_stream":
        return lambda events: (json.stream(events), len(events))
    return lambda events: (json.array(events)[1:-1], len(events))
