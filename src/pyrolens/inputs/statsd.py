"""input statsd: the metrics of StatsD over UDP, each as a record.

Source: Fluent Bit 5.1.1 plugins/in_statsd/statsd.c.
"""

from types import MappingProxyType
from typing import Annotated

from pyrolens.api import Event, Input, InputEnv, Record, Source, opt, plugin
from pyrolens.inputs._datagrams import NOT_DATAGRAMS, Datagram, Datagrams
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._server import ServerNet
from pyrolens.inputs._text import text_of
from pyrolens.options import TRUE, Kind, read_bool
from pyrolens.records.types import to_float

TYPES = {"g": "gauge", "s": "set"}
"""By the first letter; ms is a timer, and all else a counter."""


def doubt_metrics(text: str) -> str:
    return "each metric is a record all the same" if text.strip().lower() in TRUE else ""


AsRecords = Annotated[bool, Kind("boolean", read_bool, doubt=doubt_metrics)]


@plugin("statsd")
class Statsd(Input):
    """Receive the counters, gauges, timers and sets of StatsD over UDP, each as a record."""

    ignored = MappingProxyType({"workers": "one loop reads all datagrams", **NOT_DATAGRAMS})
    differs = (
        "a timer is one; Fluent Bit writes the fields of a set behind its own",
        "a line that cannot be read is refused alone; Fluent Bit throws away those behind it",
        "metrics on is a warning: each metric is a record",
        "datagrams that the kernel had no room for are counted (kernel_dropped_datagrams) and logged",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=8125, low=0, high=65535, last_wins=True)
    metrics: AsRecords = opt("Make metrics of them, which cannot be done here.", default=False)
    share_port: bool = opt(
        "Let other processes listen on the same port (SO_REUSEPORT).", default=False, name="net.share_port"
    )

    def open(self, env: InputEnv) -> Source:
        return StatsdSource(self, env)


class StatsdSource:
    def __init__(self, plan: Statsd, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.refuse = Refusals(env)
        self.datagrams = Datagrams(self.refuse, self.received)

    async def start(self) -> None:
        net = ServerNet(share_port=self.plan.share_port)
        await self.datagrams.listen_udp(self.plan.listen, self.plan.port, net)

    def inherit(self, old: "StatsdSource") -> bool:
        return self.datagrams.inherit(old.datagrams, (self.plan.listen, self.plan.port))

    def pause(self) -> None:
        self.datagrams.pause()

    def resume(self) -> None:
        self.datagrams.resume()

    async def stop(self) -> None:
        await self.datagrams.stop()

    def received(self, found: list[Datagram]) -> None:
        now = self.env.now()
        events: list[Event] = []
        wrong = 0
        for data, _ in found:
            for line in text_of(data).split("\n"):
                if line:
                    record = metric(line.partition("\0")[0])
                    if record is None:
                        wrong += 1
                    else:
                        events.append((now, record))
        if wrong:
            self.refuse("no metric of StatsD, as NAME:VALUE|TYPE", wrong)
        if events:
            self.env.ingest(self.env.tag, events, sum([len(data) for data, _ in found]))


def metric(line: str) -> Record | None:
    """The record of NAME:VALUE|TYPE, perhaps with |@RATE; None if it is none."""
    bucket, colon, rest = line.partition(":")
    value, bar, form = rest.partition("|")
    if not colon or not bar:
        return None
    kind = "timer" if form.startswith("ms") else TYPES.get(form[:1], "counter")
    if kind == "set":
        return {"type": kind, "bucket": bucket, "value": value}
    record: Record = {"type": kind, "bucket": bucket, "value": to_float(value)}
    if kind == "gauge":
        record["incremental"] = int(value.startswith(("+", "-")))
    else:
        _, at, rate = form.partition("|@")
        record["sample_rate"] = (to_float(rate) if at else 0.0) or 1.0
    return record
