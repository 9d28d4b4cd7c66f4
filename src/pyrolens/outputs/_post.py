"""Posting bodies to an HTTP server: what the outputs of vendors have in common."""

import asyncio
import base64
from collections.abc import Callable, Iterable
from typing import Annotated, NamedTuple
from urllib.parse import quote, urlsplit

from pyrolens.api import (
    DELIVERED,
    NET_IGNORED,
    TLS_IGNORED,
    Chunk,
    ConfigError,
    Encode,
    Event,
    Limits,
    Net,
    Outcome,
    OutputEnv,
    Pair,
    Parcel,
    Problem,
    Tls,
)
from pyrolens.net import Client, NetError, Response, compressor
from pyrolens.net.client import header_names
from pyrolens.net.connect import Place
from pyrolens.net.proxy import Proxy, from_environment, read_proxy
from pyrolens.options import Kind

Headers = list[tuple[str, str]]
Lines = Callable[[list[Event]], list[bytes]]
"""Events -> what each of them is in a body."""

IGNORED = {**NET_IGNORED, **TLS_IGNORED}
"""For `ignored` of these outputs."""
NO_OAUTH2 = "OAuth 2 is not supported; a token that you have can be sent with header Authorization"
OAUTH2_IGNORED = dict.fromkeys(
    (
        "oauth2.token_url", "oauth2.client_id", "oauth2.client_secret", "oauth2.user_agent", "oauth2.scope",
        "oauth2.audience", "oauth2.resource", "oauth2.auth_method", "oauth2.jwt_key_file", "oauth2.jwt_cert_file",
        "oauth2.jwt_aud", "oauth2.jwt_header", "oauth2.jwt_ttl_seconds", "oauth2.refresh_skew_seconds",
        "oauth2.timeout", "oauth2.connect_timeout",
    ),
    NO_OAUTH2,
)  # fmt: skip
"""For `ignored` of those that have oauth2.enable, which refuses to be on."""
WHOLE_ANSWERS = "answers are read whole, up to 64 MiB"
"""Why the size of a buffer for answers has no effect."""
PLAIN_TEXT = "tls is off, so the key and the logs can be read on the way"

BIG = 64 * 1024
"""Bytes from which a body is compressed in another thread, so that reading goes on."""
SECONDS = 60.0
"""For an answer; after this a call is as good as lost."""


def _doubt(text: str) -> str:
    known = text.strip().lower() in ("gzip", "off", "false", "no", "none")
    return "" if known else "gzip is expected here, so this counts as no compression"


Gzip = Annotated[bool, Kind("compression", lambda text: text.strip().lower() == "gzip", doubt=_doubt)]
"""`gzip`, and anything else for none, as Fluent Bit reads it."""


class Table(NamedTuple):
    """What the status of an answer means: success, refused for good, and all else is tried again."""

    success: frozenset[int] = frozenset(range(200, 206))
    refused: Callable[[int], bool] = lambda status: False

    def outcome(self, chunk: Chunk, answer: Response) -> Outcome:
        if answer.status in self.success:
            return DELIVERED
        if self.refused(answer.status):
            return Outcome.reject(chunk, reason_of(answer), for_one=answer.status in CONTENT)
        return again(chunk, answer)


CONTENT = frozenset({400, 413, 422})
"""What is wrong is in the body, not in who sends it or where it goes."""


def client_error(status: int) -> bool:
    """A request that stays wrong, however often it is sent."""
    return 400 <= status < 500 and status not in (408, 429)


def reason_of(answer: Response) -> str:
    """One line for the log."""
    said = " ".join(answer.text.split())[:500]
    return f"HTTP {answer.status}: {said}" if said else f"HTTP {answer.status}"


def again(chunk: Chunk, answer: Response) -> Outcome:
    return Outcome.again(chunk, reason_of(answer), answer.retry_after, slow_down=answer.status in (429, 503))


class Url(NamedTuple):
    """An http or https address."""

    scheme: str
    host: str
    port: int
    target: str


def read_url(text: str) -> Url:
    """Raises: ValueError("expected ...")."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("expected https://host/path") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected https://host/path")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), target)


def valid_target(path: str) -> str:
    """A path as a request may hold it: it begins with a slash, and what would break the line is percent-encoded."""
    target = path if path.startswith("/") else f"/{path}"
    return quote(target, safe="".join(map(chr, range(0x21, 0x7F))))


def basic(user: str, password: str) -> tuple[str, str]:
    """The header of basic authentication."""
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def own_headers(pairs: Iterable[Pair]) -> Headers:
    """Those that the user adds; the length of the body is ours to say."""
    return [(pair.key, pair.value) for pair in pairs if pair.key.lower() != "content-length"]


def check_proxy(text: str | None) -> Iterable[tuple[str, str]]:
    if text:
        try:
            read_proxy(text)
        except ValueError as why:
            yield "proxy", f"proxy is '{text}': {why}"


def client_of(host: str, port: int, net: Net, tls: Tls | None, proxy: str | None = None) -> tuple[Client, Headers]:
    """A client for this server, through the proxy that is named or that of the environment, and the headers that
    each request needs for it. A named proxy is given the whole URL, or for TLS asked for a tunnel.

    Raises: ConfigError for a proxy of the environment that is no URL."""
    try:
        named = read_proxy(proxy) if proxy else None
        if named and not tls:
            return _plain_proxy(named, host, port, net)
        tunnel = named or (None if net.proxy_env_ignore else from_environment(host, tls is not None))
    except ValueError as why:
        raise ConfigError([Problem("bad-proxy", str(why))]) from None
    return Client(Place(host, port, net, tls, tunnel)), []


def _plain_proxy(proxy: Proxy, host: str, port: int, net: Net) -> tuple[Client, Headers]:
    via = Place(proxy.host, proxy.port, net, Tls(verify_hostname=True) if proxy.tls else None)
    headers = [("Host", f"{host}:{port}"), ("Proxy-Connection", "KeepAlive")]
    if proxy.authorization:
        headers.append(("Proxy-Authorization", proxy.authorization))
    return Client(via, target_prefix=f"http://{host}:{port}"), headers


class Poster:
    """Posts bodies to one place, with the same headers each time."""

    def __init__(self, client: Client, target: str, headers: Headers, *, gzip: bool = False) -> None:
        self.client = client
        self.target = target
        self.headers = headers
        self._compress = compressor("gzip") if gzip else None

    async def packed(self, body: bytes) -> tuple[bytes, Headers]:
        """The body as it is sent, and the header that says so."""
        if self._compress is None:
            return body, []
        made = await asyncio.to_thread(self._compress, body) if len(body) >= BIG else self._compress(body)
        return made, [("Content-Encoding", "gzip")]

    async def post(self, body: bytes, headers: Headers = [], target: str | None = None) -> Response:  # noqa: B006
        """Raises: NetError."""
        data, encoding = await self.packed(body)
        lines = [*self.headers, *encoding, *headers]
        return await self.client.request("POST", target or self.target, lines, data, timeout=SECONDS)

    async def close(self) -> None:
        await self.client.close()


def poster(
    host: str,
    port: int,
    net: Net,
    tls: Tls | None,
    target: str,
    headers: Headers,
    *,
    gzip: bool = False,
    proxy: str | None = None,
) -> Poster:
    """Raises: ConfigError."""
    client, needed = client_of(host, port, net, tls, proxy)
    own = header_names(headers)
    return Poster(client, target, [*[h for h in needed if h[0].lower() not in own], *headers], gzip=gzip)


class Frame(NamedTuple):
    """What stands before, between and after the records of a body."""

    before: bytes = b""
    between: bytes = b""
    after: bytes = b""

    def body(self, items: list[bytes]) -> bytes:
        return self.before + self.between.join(items) + self.after


class PostSink:
    """Each record is an item; the items of a chunk are one body, and the status of the answer holds for all."""

    def __init__(
        self,
        env: OutputEnv,
        poster: Poster,
        lines: Callable[[str], Lines],
        *,
        frame: Frame,
        table: Table,
        limits: Limits | None = None,
    ) -> None:
        """lines: tag -> how its events are written."""
        self.env = env
        self.poster = poster
        self.lines = lines
        self.frame = frame
        self.table = table
        self.limits = limits or Limits(per_item=len(frame.between))

    def encoder(self, tag: str) -> Encode:
        lines = self.lines(tag)

        def encode(events: list[Event]) -> list[Parcel]:
            items = lines(events)
            return [Parcel(tag, items, len(items), sum(map(len, items)))] if items else []

        return encode

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        try:
            answer = await self.poster.post(self.frame.body(chunk.items), self.headers(chunk), self.target(chunk))
        except NetError as why:
            return Outcome.again(chunk, str(why))
        return self.outcome(chunk, answer)

    def headers(self, chunk: Chunk) -> Headers:
        """Those that this chunk needs beside those of all."""
        return []

    def target(self, chunk: Chunk) -> str | None:
        """Another target for this chunk."""
        return None

    def outcome(self, chunk: Chunk, answer: Response) -> Outcome:
        return self.table.outcome(chunk, answer)

    async def close(self) -> None:
        await self.poster.close()
