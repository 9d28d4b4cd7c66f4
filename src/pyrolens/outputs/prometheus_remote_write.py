"""output prometheus_remote_write.

Source: Fluent Bit 5.1.1 plugins/out_prometheus_remote_write."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from pyrolens.api import (
    DELIVERED,
    Chunk,
    EncodeMetrics,
    Limits,
    MetricSet,
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
from pyrolens.outputs._metrics import ADD_LABEL, OnlyMetrics, check_labels
from pyrolens.outputs._post import (
    BIG,
    IGNORED,
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
from pyrolens.outputs._remote_write import write_request


@plugin("prometheus_remote_write")
class PrometheusRemoteWrite(Output):
    """Send metrics to Prometheus, Amazon Managed Service for Prometheus, or whatever else takes remote write."""

    takes_logs = False
    takes_metrics = True
    ignored = IGNORED
    differs = (
        "Labels are sorted, and none is empty or there twice, as the specification of remote write wants it.",
        "Samples that are older than an hour are counted and logged; Fluent Bit leaves them out in silence.",
        "bearer_token is not in Fluent Bit.",
    )

    host: str = opt("Host to connect to.", default="127.0.0.1", last_wins=True)
    port: int = opt("Port to connect to.", default=80, low=1, high=65535, last_wins=True)
    uri: str = opt("Path that metrics are posted to, such as /api/v1/write.", default="/")
    add_label: list[Pair] = opt(ADD_LABEL, default=[], words=1)
    header: list[Pair] = opt("Add a header: its name, a blank, its value.", default=[], words=1)
    compression: str = opt("snappy, which the specification wants, gzip, or anything else for none.", default="snappy")
    http_user: str | None = opt("User for basic authentication.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    bearer_token: Secret | None = opt("Token for bearer authentication.", default=None)
    proxy: str | None = opt("Proxy, as http://host:port.", default=None)
    log_response_payload: bool = opt("Log what the server answers, too.", default=True)
    aws_auth: bool = opt("Sign requests for AWS (SigV4).", default=False)
    aws_service: str = opt("Service that the requests are signed for.", default="aps")
    aws: Identity = group(Identity, "aws_")
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from check_labels(self.add_label)
        if self.aws_auth:
            yield from check_identity(self.aws, "aws_")
        if self.bearer_token and self.http_user:
            yield "bearer_token", "bearer_token and http_user cannot both be the Authorization of a request"
        yield from check_proxy(self.proxy)

    def open(self, env: OutputEnv) -> "RemoteWriteSink":
        return RemoteWriteSink(self, env)


class RemoteWriteSink(OnlyMetrics):
    """Each reading is an item; the readings of a chunk are one request."""

    limits = Limits(size=1024 * 1024, calls=2)

    def __init__(self, options: PrometheusRemoteWrite, env: OutputEnv) -> None:
        """Raises: ConfigError."""
        self.options = options
        self.env = env
        tls = options.tls if options.tls_on else None
        self.client, needed = client_of(options.host, options.port, options.net, tls, options.proxy)
        self.target = valid_target(options.uri)
        how: Literal["snappy", "gzip"] | None = None
        if options.compression.lower() in ("snappy", "gzip"):
            how = "snappy" if options.compression.lower() == "snappy" else "gzip"
        self.compress = compressor(how) if how else None
        self.headers = self._headers(needed, how)
        self.labels = tuple((pair.key, pair.value) for pair in options.add_label)
        self.signer: Signer | None = None
        if options.aws_auth:
            self.signer = signer_of(options.aws_service, options.aws, options.net, options.tls, env.log)

    def _headers(self, needed: Headers, how: str | None) -> Headers:
        options = self.options
        made: Headers = [
            *needed,
            ("Content-Type", "application/x-protobuf"),
            ("X-Prometheus-Remote-Write-Version", "0.1.0"),
            ("User-Agent", "Fluent-Bit"),
        ]
        if how:
            made.append(("Content-Encoding", how))
        if options.http_user:
            made.append(basic(options.http_user, options.http_passwd))
        if options.bearer_token:
            made.append(("Authorization", f"Bearer {options.bearer_token}"))
        made += own_headers(options.header)
        last = {name.lower(): n for n, (name, _) in enumerate(made)}
        return [(name, value) for n, (name, value) in enumerate(made) if last[name.lower()] == n]

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        def encode(metrics: MetricSet) -> list[Parcel]:
            data, stale = write_request(metrics.labelled(self.labels), self.env.now())
            if stale:
                self.env.count("stale_samples", stale)
                self.env.log.warning("samples are over an hour old, and not sent", tag=tag, samples=stale)
            return [Parcel(tag, [data], len(metrics) - stale, len(data))] if data else []

        return encode

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        body = b"".join(chunk.items)
        if self.compress:
            body = await asyncio.to_thread(self.compress, body) if len(body) >= BIG else self.compress(body)
        try:
            answer = await self._answer(body)
        except (NetError, CredentialsError) as why:
            return Outcome.again(chunk, str(why))
        if 200 <= answer.status <= 205:
            return DELIVERED
        if not self.options.log_response_payload:
            answer = replace(answer, body=b"")
        return Outcome.reject(chunk, reason_of(answer)) if answer.status == 400 else again(chunk, answer)

    async def _answer(self, body: bytes) -> Response:
        """Raises: NetError, CredentialsError."""
        if self.signer is None:
            return await self.client.request("POST", self.target, self.headers, body, timeout=SECONDS)
        lines = self.headers if "host" in header_names(self.headers) else [("Host", self.client.host), *self.headers]
        return await self.signer.request(self.client, "POST", self.target, lines, body, seconds=SECONDS)

    async def close(self) -> None:
        await self.client.close()
