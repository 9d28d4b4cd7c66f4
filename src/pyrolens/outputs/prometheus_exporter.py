"""output prometheus_exporter.

Source: Fluent Bit 5.1.1 plugins/out_prometheus_exporter."""

from collections.abc import Iterable

from pyrolens.api import (
    DELIVERED,
    Chunk,
    EncodeMetrics,
    Limits,
    MetricSet,
    Outcome,
    Output,
    OutputEnv,
    Pair,
    Parcel,
    opt,
    plugin,
)
from pyrolens.net.http_server import Answer, HttpServer, Request
from pyrolens.outputs._metrics import ADD_LABEL, OnlyMetrics, check_labels
from pyrolens.records.codecs.prometheus import head, joined, sample_lines

PROMETHEUS = "text/plain; version=0.0.4"
SMALL = "requests for metrics are small: 16 KiB of their head are read, and 64 KiB of a body"
OF_SERVER = {
    "http2": "HTTP/1.1 is spoken here, and no HTTP/2",
    "buffer_max_size": SMALL,
    "buffer_chunk_size": SMALL,
    "max_connections": "there are 64 at most; for one more, the one that was idle longest is closed",
}
"""Of the server of Fluent Bit, also with http_server. before them."""
ONE_LOOP = "one loop answers all requests"


MOST_SOURCES = 1000
"""Whose metrics are shown."""


@plugin("prometheus_exporter")
class PrometheusExporter(Output):
    """Serve the newest metrics at /metrics, for Prometheus to scrape."""

    ignored = {
        **OF_SERVER,
        **{f"http_server.{name}": why for name, why in OF_SERVER.items()},
        "http_server.idle_timeout": "a connection is closed after 30 seconds without a request",
        "http_server.workers": ONE_LOOP,
        "http_server.ingress_queue_event_limit": ONE_LOOP,
        "http_server.ingress_queue_byte_limit": ONE_LOOP,
    }
    takes_logs = False
    takes_metrics = True
    differs = (
        "A metric that comes from several inputs is one family with one HELP, and no sample is there twice; "
        "Prometheus takes nothing of Fluent Bit's answer then.",
    )

    host: str = opt("Address to listen on.", default="0.0.0.0", last_wins=True)
    port: int = opt("Port to listen on.", default=2021, low=0, high=65535, last_wins=True)
    add_label: list[Pair] = opt(ADD_LABEL, default=[], words=1)
    add_timestamp: bool = opt("Write the time of each sample, too.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        yield from check_labels(self.add_label)

    def open(self, env: OutputEnv) -> "ExporterSink":
        return ExporterSink(self, env)


class ExporterSink(OnlyMetrics):
    limits = Limits(calls=1)

    def __init__(self, options: PrometheusExporter, env: OutputEnv) -> None:
        self.options = options
        self.env = env
        self.labels = tuple((pair.key, pair.value) for pair in options.add_label)
        self.newest: dict[tuple[str, str], MetricSet] = {}
        """By tag and source."""
        self.server = HttpServer(self.answer, f"output {env.name}")
        self.holds = f"{options.host}:{options.port}"

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        def encode(metrics: MetricSet) -> list[Parcel]:
            size = metrics.size
            return [Parcel(tag, [metrics], len(metrics), size, [size])]

        return encode

    async def start(self) -> None:
        await self.server.start(self.options.host, self.options.port)
        self.env.log.info("listening", host=self.options.host, port=self.server.port)

    async def deliver(self, chunk: Chunk) -> Outcome:
        for metrics in chunk.items:
            key = (chunk.key, metrics.source)
            self.newest.pop(key, None)
            self.newest[key] = metrics
            if len(self.newest) > MOST_SOURCES:
                # who has said nothing for longest is gone
                del self.newest[next(iter(self.newest))]
        return DELIVERED

    def answer(self, request: Request) -> Answer:
        if request.path == "/":
            return Answer(200, b"Fluent Bit Prometheus Exporter\n")
        if request.path != "/metrics":
            return Answer(404)
        return Answer(200, self.text().encode(errors="replace"), PROMETHEUS)

    def text(self) -> str:
        lines: list[str] = []
        # of a sample that is there twice, the newest
        samples = {
            (family.kind, family.name, frozenset((*common, *family.pairs(sample)))): (family, sample, common)
            for family, sample, common in joined(m.labelled(self.labels) for m in self.newest.values())
        }
        name = ""
        for family, sample, common in samples.values():
            if family.name != name:
                name = family.name
                lines.append(head(family))
            lines.append(sample_lines(family, sample, common, self.options.add_timestamp))
        return "".join(lines)

    async def close(self) -> None:
        await self.server.stop()
