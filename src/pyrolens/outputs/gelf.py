"""output gelf.

Source: Fluent Bit 5.1.1 plugins/out_gelf; the GELF specification, version 1.1."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pyrolens.api import (
    NET_IGNORED,
    TLS_IGNORED,
    Encode,
    Event,
    Net,
    Output,
    OutputEnv,
    Record,
    Sink,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.net import compressor
from pyrolens.net.connect import Place
from pyrolens.net.datagrams import Datagrams
from pyrolens.outputs._gelf import Gelf, GelfKeys
from pyrolens.outputs._wire import DatagramSink, Encoder, StreamSink, each

MAGIC = b"\x1e\x0f"
PACKETS = 128
"""Most datagrams of a record."""


@dataclass(frozen=True, kw_only=True)
class Keys(GelfKeys):
    tag_key: str | None = opt("Field for the tag.", default=None)


class Datagram(Gelf):
    """Records as what one datagram holds, or several together."""

    def __init__(self, keys: GelfKeys, env: OutputEnv, packet: int, *, compress: bool) -> None:
        """packet: bytes of a datagram."""
        super().__init__(keys, env)
        self.packet = packet
        self.always = compress
        self.gzip = compressor("gzip")

    def one(self, ns: int, record: Record) -> bytes:
        data = super().one(ns, record)
        if self.always or len(data) > self.packet:
            data = self.gzip(data)
        if len(data) > self.packet * PACKETS:
            raise ValueError(f"message too big: {len(data):,} bytes are more than {PACKETS} datagrams")
        return data

    def cut(self, data: bytes) -> list[bytes]:
        """The datagrams, which the receiver joins by a number that they have in common."""
        if len(data) <= self.packet:
            return [data]
        number = secrets.token_bytes(8)
        starts = range(0, len(data), self.packet)
        head = MAGIC + number
        return [
            b"%b%c%c%b" % (head, n, len(starts), data[start : start + self.packet]) for n, start in enumerate(starts)
        ]


@plugin("gelf")
class GelfOutput(Output):
    """Send records to Graylog."""

    ignored = {**NET_IGNORED, **TLS_IGNORED}
    differs = (
        "Each record is delivered once: one that cannot be GELF or takes more than 128 datagrams is refused alone, "
        "counted and logged, and one whose datagrams could not be sent is sent again; Fluent Bit loses it.",
        "Over tcp and tls, a chunk counts as delivered when the other machine has acknowledged all its bytes.",
        "mode tcp with tls On speaks TLS, and mode udp with tls On is refused; Fluent Bit sends in the clear.",
        "A host whose name cannot be resolved is tried again; Fluent Bit refuses to start.",
    )

    host: str = opt("Host of the GELF input.", default="127.0.0.1", last_wins=True)
    port: int = opt("Port of the GELF input.", default=12201, low=1, high=65535, last_wins=True)
    mode: Literal["udp", "tcp", "tls"] = opt("udp, tcp or tls.", default="udp")
    compress: bool = opt("Compress datagrams (gzip). What is larger than one is always compressed.", default=True)
    packet_size: int = opt("Bytes of a datagram, without the 12 of its head.", default=1420, low=1, high=65495)
    gelf: Keys = group(Keys, "gelf_")
    tls_on: bool = opt("Speak TLS, as mode tls does.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.tls_on and self.mode == "udp":
            yield "tls", "mode udp cannot speak TLS; use mode tls"

    def open(self, env: OutputEnv) -> Sink:
        if self.mode == "udp":
            packets = Datagram(self.gelf, env, self.packet_size, compress=self.compress)
            return DatagramSink(self._encoder(packets), Datagrams(self.host, self.port, self.net), packets.cut)
        secure = self.mode == "tls" or self.tls_on
        place = Place(self.host, self.port, self.net, self.tls if secure else None)
        return StreamSink(self._encoder(Gelf(self.gelf, env), b"\0"), place)

    def _encoder(self, gelf: Gelf, end: bytes = b"") -> Encoder:
        key = self.gelf.tag_key

        def tagged(events: list[Event], tag: str) -> list[Event]:
            if key is None:
                return events
            # of two fields for one role the first counts, else the last
            kept = key in gelf.roles
            return [(ns, r if kept and key in r else {**r, key: tag}) for ns, r in events]

        def encoder(tag: str) -> Encode:
            return each(lambda events: [data + end for data in gelf.each(tagged(events, tag), tag)], tag)

        return encoder
