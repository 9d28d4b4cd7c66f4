"""input statsd: the metrics of StatsD over UDP, each as a record, or together as metrics.

Source: Fluent Bit 5.1.1 plugins/in_statsd/statsd.c.
"""

import asyncio
from types import MappingProxyType

from pyrolens.api import Event, Input, InputEnv, Record, Source, opt, plugin
from pyrolens.inputs._datagrams import NOT_DATAGRAMS, Datagram, Datagrams
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._server import ServerNet
from pyrolens.inputs._statsd_metrics import Tally
from pyrolens.inputs._text import text_of
from pyrolens.records.types import to_float

TYPES = {"g": "gauge", "s": "set"}
"""By the first letter; ms is a timer, and all else a counter."""


@plugin("statsd")
class Statsd(Input):
    """Receive the counters, gauges, timers and sets of StatsD over UDP, each as a record, or all as metrics."""

    ignored = MappingProxyType({"workers": "one loop reads all datagrams", **NOT_DATAGRAMS})
    differs = (
        "a timer is one; Fluent Bit writes the fields of a set behind its own",
        "a line that cannot be read is refused alone; Fluent Bit throws away those behind it",
        "with metrics on, counters add up and signed gauges move; Fluent Bit hands on what each line says",
        "datagrams that the kernel had no room for are counted (kernel_dropped_datagrams) and logged",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=8125, low=0, high=65535, last_wins=True)
    metrics: bool = opt("Make metrics of them, not records: they go to outputs that take metrics.", default=False)
    share_port: bool = opt(
        "Let other processes listen on the same port (SO_REUSEPORT).", default=False, name="net.share_port"
    )

    def publishes(self, tag: str) -> str | None:
        return tag if self.metrics else None

    def open(self, env: InputEnv) -> Source:
        return StatsdSource(self, env)


class StatsdSource:
    def __init__(self, plan: Statsd, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.refuse = Refusals(env)
        self.datagrams = Datagrams(self.refuse, self.counted if plan.metrics else self.received)
        self.tally = Tally()
        self.timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        net = ServerNet(share_port=self.plan.share_port)
        await self.datagrams.listen_udp(self.plan.listen, self.plan.port, net)

    def inherit(self, old: "StatsdSource") -> bool:
        inherits = self.datagrams.inherit(old.datagrams, (self.plan.listen, self.plan.port))
        if inherits and self.plan.metrics and old.plan.metrics:
            self.tally = old.tally
        return inherits

    def pause(self) -> None:
        self.datagrams.pause()

    def resume(self) -> None:
        self.datagrams.resume()

    async def stop(self) -> None:
        await self.datagrams.stop()
        if self.timer:
            self.timer.cancel()
        self._publish()

    def counted(self, found: list[Datagram]) -> None:
        """With metrics on."""
        now = self.env.now()
        refused: dict[str, int] = {}
        for data, _ in found:
            for line in text_of(data).split("\n"):
                if line and (why := self.tally.take(line.partition("\0")[0], now)):
                    refused[why] = refused.get(why, 0) + 1
        for why, lines in refused.items():
            self.refuse(why, lines)
        if self.tally.new and self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(self.env.flush, self._publish)

    def _publish(self) -> None:
        self.timer = None
        if self.tally.new:
            self.env.publish(self.env.tag, self.tally.read())

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
