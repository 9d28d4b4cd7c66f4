"""output udp.

Source: Fluent Bit 5.1.1 plugins/out_udp."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from pyrolens.api import NET_IGNORED, Encode, Event, Net, Output, OutputEnv, group, opt, plugin
from pyrolens.net.datagrams import Datagrams
from pyrolens.outputs._wire import DatagramSink, each
from pyrolens.outputs._written import Written
from pyrolens.records.codecs import pack_entry


@dataclass(frozen=True, kw_only=True)
class UdpNet:
    """What net.* options mean something without connections."""

    source_address: str | None = opt("Local address to send from.", default=None)
    prefer_ipv4: bool = opt("Prefer the IPv4 addresses of the host.", default=False, name="dns.prefer_ipv4")
    prefer_ipv6: bool = opt("Prefer the IPv6 addresses of the host.", default=False, name="dns.prefer_ipv6")


@plugin("udp")
class Udp(Output):
    """Send each record as a UDP datagram."""

    ignored = NET_IGNORED
    differs = (
        "A record too large for a datagram is refused alone; Fluent Bit sends those before it twice, and those after "
        "it never.",
        "When nobody listens, only the records that were refused are sent again; Fluent Bit repeats all.",
        "A host whose name cannot be resolved is tried again; Fluent Bit refuses to start.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
    )

    host: str = opt("Host to send to.", default="127.0.0.1", last_wins=True)
    port: int = opt("Port to send to.", default=5170, low=1, high=65535, last_wins=True)
    written: Written = group(Written)
    tls_on: bool = opt("There is no TLS over UDP: only off is possible.", default=False, name="tls")
    net: UdpNet = group(UdpNet, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.tls_on:
            yield "tls", "udp does not speak TLS; tcp and syslog do"
        yield from self.written.check()

    def open(self, env: OutputEnv) -> DatagramSink:
        form, json = self.written.read(env)
        net = Net(**vars(self.net))

        def entries(events: list[Event]) -> list[bytes]:
            return [pack_entry(*event) for event in events]

        def json_arrays(events: list[Event]) -> list[bytes]:
            return [b"[%b]\n" % record for record in json.each(events)]

        forms: dict[str, Callable[[list[Event]], list[bytes]]] = {
            "msgpack": entries,
            "json": json_arrays,
            "json_lines": partial(json.each, end=b"\n"),
            "json_stream": partial(json.each, end=b"\n"),
        }

        def encoder(tag: str) -> Encode:
            return each(forms.get(form) or self.written.raw_lines(tag), tag)

        return DatagramSink(encoder, Datagrams(self.host, self.port, net))
