"""Metrics from end to end: a router as its own process, Prometheus' scrape, and an embedded AWS."""

import asyncio
import json
import os
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.ports import free_port
from tests.running import running, until

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def get(port: int, path: str) -> str:
    """The body, whatever the status; nothing while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as answer:
        return answer.read().decode()
    except OSError:
        return ""


COUNTING = """
[SERVICE]
    Flush        0.2
    HTTP_Server  On
    HTTP_Listen  127.0.0.1
    HTTP_Port    {api}
    Health_Check On
[INPUT]
    Name    dummy
    Tag     app
    Dummy   {{"level":"error","path":"/a"}}
    Samples 3
    Rate    50
[INPUT]
    Name    dummy
    Tag     app
    Dummy   {{"level":"info","path":"/b"}}
    Samples 2
    Rate    50
[INPUT]
    Name            fluentbit_metrics
    Tag             own
    scrape_interval 1
[FILTER]
    Name               log_to_metrics
    Match              app
    Tag                made
    metric_name        lines_total
    metric_namespace   shop
    metric_subsystem   web
    metric_description Lines by level.
    label_field        level
[OUTPUT]
    Name  null
    Match app
[OUTPUT]
    Name      prometheus_exporter
    Match     *
    Host      127.0.0.1
    Port      {exporter}
    add_label service shop
"""


def test_what_prometheus_scrapes(tmp_path: Path) -> None:
    async def main() -> None:
        api, exporter = free_port(), free_port()
        async with running(tmp_path, COUNTING.format(api=api, exporter=exporter)) as router:
            seen = ""

            def complete() -> bool:
                nonlocal seen
                seen = get(exporter, "/metrics")
                return 'web_lines_total{service="shop",level="error"} 3' in seen and "fluentbit_input" in seen

            await asyncio.to_thread(lambda: asyncio.run(until(complete, "all is counted and served")))
            assert "# HELP shop_web_lines_total Lines by level.\n# TYPE shop_web_lines_total counter\n" in seen
            assert 'shop_web_lines_total{service="shop",level="info"} 2' in seen
            api_text = await asyncio.to_thread(get, api, "/api/v2/metrics/prometheus")
            # the same names, there and here
            for name in ("fluentbit_input_records_total", "pyrolens_input_lag_seconds", "fluentbit_uptime"):
                assert f"# TYPE {name} " in seen
                assert f"# TYPE {name} " in api_text
            assert 'fluentbit_input_records_total{name="dummy.0"} 3' in api_text
            assert 'fluentbit_input_metrics_scrapes_total{name="fluentbit_metrics.0"}' in api_text
            counted = json.loads(await asyncio.to_thread(get, api, "/api/v1/metrics"))
            assert counted["input"]["emitter_for_log_to_metrics.0"]["records"] > 0
            said = json.loads(await asyncio.to_thread(get, api, "/api/v1/health?verbose"))
            assert said["status"] == "ok"
            assert "warning" not in router.said(), router.said()
            assert await router.stop() == 0

    asyncio.run(main())


RELOADED = """
[SERVICE]
    Flush      0.2
    Hot_Reload On
[INPUT]
    Name            fluentbit_metrics
    scrape_interval 1
[OUTPUT]
    Name      prometheus_exporter
    Match     *
    Host      127.0.0.1
    Port      {port}
    add_label config {name}
"""


def test_the_exporter_keeps_its_port_when_the_config_is_loaded_again(tmp_path: Path) -> None:
    async def main() -> None:
        port = free_port()

        def says(name: str) -> Callable[[], bool]:
            return lambda: f'fluentbit_uptime{{config="{name}",' in get(port, "/metrics")

        async with running(tmp_path, RELOADED.format(port=port, name="old")) as router:
            await asyncio.to_thread(lambda: asyncio.run(until(says("old"), "the old one serves")))
            router.config.write_text(RELOADED.format(port=port, name="new"))
            os.kill(router.pid, signal.SIGHUP)
            await asyncio.to_thread(lambda: asyncio.run(until(says("new"), "the new one serves")))
            assert "error" not in router.said(), router.said()
            assert await router.stop() == 0

    asyncio.run(main())


EMF = """
[SERVICE]
    Flush 0.2
[INPUT]
    Name            fluentbit_metrics
    Tag             router
    scrape_interval 1
[OUTPUT]
    Name              cloudwatch_logs
    Match             router
    region            eu-west-1
    endpoint          {moto}
    log_group_name    /router/metrics
    log_stream_name   own
    auto_create_group On
    log_format        json/emf
"""


def test_the_routers_own_metrics_in_cloudwatch(tmp_path: Path, moto: str) -> None:
    """The recipe of docs/concepts.md."""
    client: Any = boto3.client(
        "logs", region_name="eu-west-1", endpoint_url=moto, aws_access_key_id="a", aws_secret_access_key="b"
    )

    def stored() -> list[str]:
        try:
            said = client.get_log_events(logGroupName="/router/metrics", logStreamName="own", startFromHead=True)
        except client.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in said["events"]]

    async def main() -> None:
        async with running(tmp_path, EMF.format(moto=moto), **KEYS) as router:
            await asyncio.to_thread(lambda: asyncio.run(until(lambda: bool(stored()), "CloudWatch has metrics")))
            assert await router.stop() == 0

    asyncio.run(main())
    found = [json.loads(message) for message in stored()]
    (uptime, *_) = [e for e in found if "fluentbit_uptime" in e]
    host = socket.gethostname()
    assert {k: v for k, v in uptime.items() if k not in ("_aws", "fluentbit_uptime")} == {
        "hostname": host,
        "prom_metric_type": "counter",
    }
    (about,) = uptime["_aws"]["CloudWatchMetrics"]
    assert about == {
        "Namespace": "fluentbit",
        "Dimensions": [["hostname"]],
        "Metrics": [{"Name": "fluentbit_uptime", "Unit": "Count", "StorageResolution": 60}],
    }
    names = {name for event in found for name in event if re.match("fluentbit_|pyrolens_", name)}
    assert {
        "fluentbit_input_records_total",
        "fluentbit_output_proc_records_total",
        "pyrolens_input_lag_seconds",
    } <= names
    # valid for CloudWatch: numbers, and no dimension is empty
    for event in found:
        ((dimensions,), (metric,)) = (
            event["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            event["_aws"]["CloudWatchMetrics"][0]["Metrics"],
        )
        assert all(event[dimension] for dimension in dimensions)
        assert isinstance(event[metric["Name"]], float)


YAML_SCRAPE = """
service: {{flush: 0.2}}
pipeline:
  inputs:
    - name: prometheus_scrape
      tag: scraped
      host: 127.0.0.1
      port: {port}
      metrics_path: /api/v2/metrics/prometheus
      scrape_interval: 1s
      processors:
        metrics:
          - name: metrics_selector
            metric_name: fluentbit_uptime
          - name: labels
            upsert: env test
  outputs:
    - name: file
      match: '*'
      path: {folder}
      file: out
"""
SERVED = """
[SERVICE]
    HTTP_Server On
    HTTP_Listen 127.0.0.1
    HTTP_Port   {api}
[INPUT]
    Name dummy
[OUTPUT]
    Name  null
    Match *
"""


def test_one_router_reads_the_metrics_of_another(tmp_path: Path) -> None:
    async def main() -> None:
        api = free_port()
        one, other = tmp_path / "one", tmp_path / "other"
        one.mkdir()
        other.mkdir()
        async with running(one, SERVED.format(api=api)):
            reading = YAML_SCRAPE.format(port=api, folder=other)
            async with running(other, reading, config_name="router.yaml") as router:
                out = other / "out"
                await until(lambda: out.exists() and out.read_text().count("\n") > 1, "there are two readings")
                await router.stop()
            assert {line.split(" ", 1)[1].rsplit(" ", 1)[0] for line in out.read_text().splitlines()} == {
                f'fluentbit_uptime{{env="test",hostname="{socket.gethostname()}"}} ='
            }

    asyncio.run(main())
