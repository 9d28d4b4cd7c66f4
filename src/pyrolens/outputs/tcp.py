"""output tcp.

Source: Fluent Bit 5.1.1 plugins/out_tcp."""

from collections.abc import Callable, Iterable

from pyrolens.api import (
    NET_IGNORED,
    TLS_IGNORED,
    Encode,
    Event,
    Net,
    Output,
    OutputEnv,
    Parcel,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.net.connect import Place
from pyrolens.outputs._post import Frame
from pyrolens.outputs._wire import StreamSink
from pyrolens.outputs._written import Written
from pyrolens.records.codecs import pack_entries


@plugin("tcp")
class Tcp(Output):
    """Send records over a TCP connection, without any protocol around them."""

    ignored = {**NET_IGNORED, **TLS_IGNORED}
    differs = (
        "A chunk counts as delivered when the other machine has acknowledged all its bytes; Fluent Bit loses what "
        "was on its way when the connection breaks.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
    )

    host: str = opt("Host to connect to.", default="127.0.0.1", last_wins=True)
    port: int = opt("Port to connect to.", default=5170, low=1, high=65535, last_wins=True)
    written: Written = group(Written)
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        return self.written.check()

    def open(self, env: OutputEnv) -> StreamSink:
        form, json = self.written.read(env)
        frame = Frame(b"[", b",", b"]") if form == "json" else Frame()
        writers: dict[str, Callable[[list[Event]], bytes]] = {
            "msgpack": pack_entries,
            "json": lambda events: json.array(events)[1:-1],
            "json_lines": json.lines,
            "json_stream": json.stream,
        }

        def encoder(tag: str) -> Encode:
            lines = self.written.raw_lines(tag)

            def raw(events: list[Event]) -> bytes:
                return b"".join(lines(events))

            write = writers.get(form, raw)

            def encode(events: list[Event]) -> list[Parcel]:
                data = write(events)
                return [Parcel(tag, [data], len(events), len(data))]

            return encode

        place = Place(self.host, self.port, self.net, self.tls if self.tls_on else None)
        return StreamSink(encoder, place, frame.body)
