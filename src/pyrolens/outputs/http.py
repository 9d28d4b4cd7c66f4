"""output http.

Source: Fluent Bit 5.1.1 plugins/out_http."""

import base64
from typing import Any, Literal

import msgspec

from pyrolens.api import (
    DELIVERED,
    NET_IGNORED,
    TLS_IGNORED,
    Chunk,
    Encode,
    Event,
    Limits,
    Net,
    Outcome,
    Output,
    OutputEnv,
    Pair,
    Parcel,
    Seconds,
    Secret,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.net import Client, NetError
from pyrolens.net.connect import Place


@plugin("http")
class Http(Output):
    """Post records to an HTTP server."""

    ignored = {**NET_IGNORED, **TLS_IGNORED}

    host: str = opt("Host to connect to.", default="127.0.0.1")
    port: int = opt("Port to connect to.", default=80)
    uri: str = opt("Path that records are posted to.", default="/")
    format: Literal["json", "json_lines", "json_stream", "gelf", "msgpack"] = opt("Format of the body.", default="json")
    json_date_key: str = opt("Field for the time of a record; false: none.", default="date")
    header: list[Pair] = opt("Add the header KEY with VALUE.", default=[])
    http_user: str | None = opt("User for basic authentication.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    response_timeout: Seconds = opt("Seconds to wait for the answer.", default=60.0, name="http.response_timeout")
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    net: Net = group(Net, "net.")
    tls: Tls = group(Tls, "tls.")

    def open(self, env: OutputEnv) -> "HttpSink":
        place = Place(self.host, self.port, self.net, self.tls if self.tls_on else None)
        headers = [("Content-Type", "application/x-ndjson" if self.format == "json_lines" else "application/json")]
        headers.append(("User-Agent", "Fluent-Bit"))
        headers += [(p.key, p.value) for p in self.header]
        if self.http_user:
            pair = base64.b64encode(f"{self.http_user}:{self.http_passwd}".encode()).decode()
            headers.append(("Authorization", f"Basic {pair}"))
        return HttpSink(self, Client(place), headers)


class HttpSink:
    limits = Limits(size=5 * 1024 * 1024)

    def __init__(self, options: Http, client: Client, headers: list[tuple[str, str]]) -> None:
        self.options, self.client, self.headers = options, client, headers

    def encoder(self, tag: str) -> Encode:
        key = self.options.json_date_key
        lines = self.options.format == "json_lines"
        encoder = msgspec.json.Encoder()

        def encode(events: list[Event]) -> list[Parcel]:
            dated: list[dict[str, Any]] = [{key: ns / 1e9, **record} for ns, record in events]
            body = encoder.encode_lines(dated) if lines else encoder.encode(dated)[1:-1]
            return [Parcel(tag, [body], len(events), len(body))]

        return encode

    async def start(self) -> None:
        pass

    async def deliver(self, chunk: Chunk) -> Outcome:
        body = b"".join(chunk.items) if self.options.format == "json_lines" else b"[" + b",".join(chunk.items) + b"]"
        try:
            answer = await self.client.request(
                "POST", self.options.uri, self.headers, body, timeout=self.options.response_timeout
            )
        except NetError as why:
            return Outcome.again(chunk, str(why))
        if 200 <= answer.status <= 205:
            return DELIVERED
        if 400 <= answer.status < 500 and answer.status not in (408, 429):
            return Outcome.reject(chunk, f"HTTP {answer.status}")
        return Outcome.again(chunk, f"HTTP {answer.status}", slow_down=answer.status == 429)

    async def close(self) -> None:
        await self.client.close()
