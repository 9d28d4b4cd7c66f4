"""input udp: JSON, or any text cut at a separator, over UDP.

Source: Fluent Bit 5.1.1 plugins/in_udp/udp_conn.c, udp_config.c.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

import msgspec

from pyrolens.api import Event, Input, InputEnv, Source, group, opt, plugin
from pyrolens.inputs._datagrams import LARGEST, NOT_DATAGRAMS, Datagram, Datagrams
from pyrolens.inputs._payload import Payload, peer_url
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._server import ServerNet
from pyrolens.inputs._text import unescaped

KIB = 1024
decode = msgspec.json.Decoder(dict[str, Any]).decode


@plugin("udp")
class Udp(Input):
    """Receive JSON records, or lines of text, over UDP."""

    ignored = MappingProxyType({"workers": "one loop reads all datagrams", **NOT_DATAGRAMS})
    differs = (
        "a datagram of any size is taken, unless chunk_size or buffer_size says less; Fluent Bit cuts it at 32 KiB",
        "what is not JSON is refused up to the end of its line; Fluent Bit throws away the whole datagram",
        "empty lines are skipped; Fluent Bit throws away what follows them",
        "text without a separator at the end of a datagram is a record; Fluent Bit throws it away",
        "datagrams that the kernel had no room for are counted (kernel_dropped_datagrams) and logged",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=5170, low=0, high=65535, last_wins=True)
    payload: Payload = group(Payload)
    chunk_size: int | None = opt("KiB of the largest datagram.", default=None, low=1)
    buffer_size: int | None = opt("The same, and counts before chunk_size.", default=None, low=1)
    source_address_key: str | None = opt("Put the address of the sender into this field.", default=None)
    share_port: bool = opt(
        "Let other processes listen on the same port (SO_REUSEPORT).", default=False, name="net.share_port"
    )

    def check(self) -> Iterable[tuple[str, str]]:
        if not unescaped(self.payload.separator):
            yield "separator", "separator is empty"

    @property
    def most(self) -> int:
        """Bytes of the largest datagram."""
        return KIB * (self.buffer_size or self.chunk_size or 0) or LARGEST

    def open(self, env: InputEnv) -> Source:
        return UdpSource(self, env)


class UdpSource:
    def __init__(self, plan: Udp, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.refuse = Refusals(env)
        self.take = plan.payload.take(env, self.refuse)
        self.plain = plan.payload.format == "json" and not plan.payload.parser and not plan.source_address_key
        self.datagrams = Datagrams(self.refuse, self.received)

    async def start(self) -> None:
        net = ServerNet(share_port=self.plan.share_port)
        await self.datagrams.listen_udp(self.plan.listen, self.plan.port, net)

    def hear(self, data: bytes | None, at: str) -> None:
        if data is not None:
            self.received([(data, ("127.0.0.1", 0))])

    def inherit(self, old: "UdpSource") -> bool:
        return self.datagrams.inherit(old.datagrams, (self.plan.listen, self.plan.port))

    def pause(self) -> None:
        self.datagrams.pause()

    def resume(self) -> None:
        self.datagrams.resume()

    async def stop(self) -> None:
        await self.datagrams.stop()

    def received(self, found: list[Datagram]) -> None:
        most, key, now = self.plan.most, self.plan.source_address_key, self.env.now()
        events: list[Event] = []
        size = 0
        for data, address in found:
            if len(data) > most:
                self.refuse(f"a datagram is larger than {most} bytes (chunk_size)")
                continue
            size += len(data)
            if self.plain:
                try:
                    events.append((now, decode(data)))  # one object, as nearly everybody sends them
                    continue
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    pass
            events += self.take(data.lstrip(b"\r\n"), True, {key: peer_url("udp", address)} if key else {})[0]
        if events:
            self.env.ingest(self.env.tag, events, size)
