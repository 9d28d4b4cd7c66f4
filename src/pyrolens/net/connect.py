"""Opening connections: names, addresses, TLS, tunnels through a proxy."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pyrolens.net.errors import NetError
from pyrolens.net.proxy import Proxy
from pyrolens.net.tls import context
from pyrolens.net.wire import Answer, Response, request_head
from pyrolens.plugin import Net, Tls

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect to, and how."""

    host: str
    port: int
    net: Net = Net()
    tls: Tls | None = None
    """None: plain text."""
    tunnel: Proxy | None = None
    """A proxy that is asked for a connection to host and port."""

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def connect(place: Place, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """An open connection, TLS included, within net.connect_timeout. Raises: NetError."""
    seconds = place.net.connect_timeout or None
    try:
        async with asyncio.timeout(seconds):
            if place.tunnel:
                return await _through(place, place.tunnel, factory)
            tls = context(place.tls) if place.tls else None
            name = (place.tls.vhost if place.tls else None) or place.host
            return await _direct(place.host, place.port, place.net, tls, name, factory)
    except TimeoutError:
        raise NetError(f"{place.address}: no connection in {seconds:g} seconds") from None
    except ssl.SSLCertVerificationError as why:
        raise NetError(f"{place.address}: certificate refused: {why.verify_message}") from None
    except ssl.SSLError as why:
        raise NetError(f"{place.address}: TLS failed: {getattr(why, 'reason', '') or why}") from None
    except ConnectionRefusedError:
        raise NetError(f"{place.address}: connection refused") from None
    except OSError as why:
        raise NetError(f"{place.address}: cannot connect: {why.strerror or why}") from None


async def addresses(
    host: str, port: int, net: Net, kind: socket.SocketKind
) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """In the order in which to try them. Raises: NetError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)
    except socket.gaierror as why:
        raise NetError(f"{host}: the name cannot be resolved: {why.strerror}") from None
    if net.prefer_ipv4 or net.prefer_ipv6:
        first = socket.AF_INET if net.prefer_ipv4 else socket.AF_INET6
        found.sort(key=lambda info: info[0] != first)
    return [(family, address) for family, _, _, _, address in found]


async def _direct(
    host: str, port: int, net: Net, tls: ssl.SSLContext | None, name: str, factory: Callable[[], P]
) -> tuple[asyncio.Transport, P]:
    loop = asyncio.get_running_loop()
    found = await addresses(host, port, net, socket.SOCK_STREAM)
    options: dict[str, Any] = {"ssl": tls, "server_hostname": name} if tls else {}
    if net.source_address:
        options["local_addr"] = (net.source_address, 0)
    failed: OSError | None = None
    for family, address in found:
        try:
            made = await loop.create_connection(factory, cast(str, address[0]), port, family=family, **options)
        except ssl.SSLError:
            raise
        except OSError as why:
            failed = why
            continue
        if made[0].get_extra_info("sockname") == made[0].get_extra_info("peername"):
            # on this machine, where nobody listens, the kernel may connect a port with itself
            made[0].abort()
            failed = ConnectionRefusedError()
            continue
        _probe(made[0], net)
        return made
    raise failed or NetError(f"{host}: the name has no address")


def _probe(transport: asyncio.BaseTransport, net: Net) -> None:
    sock = transport.get_extra_info("socket")
    if not net.tcp_keepalive or sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", net.tcp_keepalive_time),
        ("TCP_KEEPINTVL", net.tcp_keepalive_interval),
        ("TCP_KEEPCNT", net.tcp_keepalive_probes),
    ):
        if value > 0 and hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


class _Tunnel(asyncio.Protocol):
    """Waits for the proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.done: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if self.done.done():
            return
        if data.startswith(b"HTTP/1.") and b"\r\n\r\n" in data and data[9:10] == b"2":
            self.done.set_result(Response(200))  # a tunnel's answer has no body, whatever it says
            return
        try:
            answer = self.answer.feed(data)
        except NetError as why:
            self.done.set_exception(why)
            return
        if answer:
            self.done.set_result(answer)

    def connection_lost(self, why: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(NetError("the proxy closed the connection"))


async def _through(place: Place, proxy: Proxy, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """A connection through a tunnel. The proxy's own certificate is checked with its name, always."""
    own = context(Tls(verify_hostname=True)) if proxy.tls else None
    transport, tunnel = await _direct(proxy.host, proxy.port, place.net, own, proxy.host, _Tunnel)
    headers = [("Host", place.address), ("Proxy-Connection", "KeepAlive")]
    if proxy.authorization:
        headers.append(("Proxy-Authorization", proxy.authorization))
    try:
        transport.write(request_head("CONNECT", place.address, headers))
        answer = await tunnel.done
        if answer.status // 100 != 2:
            raise NetError(f"proxy {proxy.address} refuses {place.address}: HTTP {answer.status}")
        protocol = factory()
        if not place.tls:
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            return transport, protocol
        loop = asyncio.get_running_loop()
        over = await loop.start_tls(
            transport, protocol, context(place.tls), server_hostname=place.tls.vhost or place.host
        )
        secured = cast(asyncio.Transport, over)
        protocol.connection_made(secured)
        return secured, protocol
    except BaseException:
        transport.abort()
        raise
