import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pyrolens.api import ConfigError, MetricSet, Pair
from pyrolens.outputs.prometheus_exporter import ExporterSink, PrometheusExporter
from pyrolens.records.codecs.prometheus import prometheus_text
from tests.metrics import ALL, T, chunks, one
from tests.outputs.sending import Env
from tests.service.test_http_api import request

Get = Callable[[str], Awaitable[tuple[int, dict[str, str], str]]]


def served(options: PrometheusExporter, test: Callable[[ExporterSink, Get], Awaitable[None]]) -> None:
    async def main() -> None:
        sink = options.open(Env())
        await sink.start()

        async def get(path: str) -> tuple[int, dict[str, str], str]:
            status, headers, body = await request(sink.server.port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return status, headers, body.decode()

        try:
            async with asyncio.timeout(30):
                await test(sink, get)
        finally:
            await sink.close()

    asyncio.run(main())


async def take(sink: ExporterSink, *sets: MetricSet, tag: str = "m") -> None:
    for chunk in chunks(sink, tag, *sets):
        assert (await sink.deliver(chunk)).retry == ()


def exporter(**options: object) -> PrometheusExporter:
    return PrometheusExporter(host="127.0.0.1", port=0, **options)  # type: ignore[arg-type]


def test_the_answers_are_fluent_bits() -> None:
    async def test(sink: ExporterSink, get: Get) -> None:
        assert await get("/") == (
            200,
            {"Server": "Pyrolens", "Content-Length": "31"},
            "Fluent Bit Prometheus Exporter\n",
        )
        assert (await get("/x"))[0] == 404
        assert (await get("/metrics"))[::2] == (200, "")
        await take(sink, ALL)
        status, headers, body = await get("/metrics")
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4")
        assert body == prometheus_text(ALL)

    served(exporter(), test)


def test_labels_and_times() -> None:
    async def test(sink: ExporterSink, get: Get) -> None:
        await take(sink, one(method="a"))
        assert (await get("/metrics"))[2].endswith(f'n_total{{x="y",method="a"}} 1 {T // 10**6}\n')

    served(exporter(add_label=[Pair("x", "y")], add_timestamp=True), test)


def test_the_newest_of_each_source_counts() -> None:
    async def test(sink: ExporterSink, get: Get) -> None:
        await take(sink, one(1, pod="old"), one(2, pod="new"))
        assert (await get("/metrics"))[2].splitlines()[2:] == ['n_total{pod="new"} 2']
        other = MetricSet(one(3, pod="b").families, source="other")
        await take(sink, other)
        # one family, though two sources have it
        assert (await get("/metrics"))[2].splitlines() == [
            "# HELP n_total about",
            "# TYPE n_total counter",
            'n_total{pod="new"} 2',
            'n_total{pod="b"} 3',
        ]

    served(exporter(), test)


def test_no_sample_is_there_twice() -> None:
    async def test(sink: ExporterSink, get: Get) -> None:
        await take(sink, one(1, pod="a"), tag="one")
        await take(sink, one(5, pod="a"), tag="two")
        assert (await get("/metrics"))[2].splitlines()[2:] == ['n_total{pod="a"} 5']

    served(exporter(), test)


def test_a_port_in_use_refuses_the_start() -> None:
    async def test(sink: ExporterSink, get: Get) -> None:
        second = PrometheusExporter(host="127.0.0.1", port=sink.server.port).open(Env())
        with pytest.raises(ConfigError) as error:
            await second.start()
        (problem,) = error.value.problems
        assert problem.message.startswith("output x.0 cannot listen on 127.0.0.1:")

    served(exporter(), test)


def test_a_label_needs_a_value() -> None:
    assert [name for name, _ in exporter(add_label=[Pair("x", "")]).check()] == ["add_label"]


def test_logs_are_not_taken() -> None:
    with pytest.raises(TypeError, match="only metrics"):
        exporter().open(Env()).encoder("t")([(T, {})])
