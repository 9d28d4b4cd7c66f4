"""forward, http and others, to a Fluent Bit."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import Router, until
from tests.servers.delivering import TIME, deliver, output
from tests.servers.fluent_bit import FluentBit, Taken
from tests.servers.programs import running

N = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FluentBit]:
    server = FluentBit(tmp_path_factory.mktemp("fluent-bit"))
    with running(server.program, server.ready):
        yield server


def records() -> list[dict[str, Any]]:
    return [{"n": n, "log": f"line {n} é \U0001f600", "deep": {"list": [n, None, 0.5, True]}} for n in range(N)]


def sent(folder: Path, server: FluentBit, to: str, lines: str) -> list[Taken]:
    """What the server took that came in by that input."""
    name, *rest = lines.splitlines()
    place = f"Host 127.0.0.1\nPort {server.ports[to]}\n"
    tag = to if "forward" not in name else f"tag.{folder.name}"
    before = sum(taken.tag == tag for taken in server.taken())

    def found() -> list[Taken]:
        return [taken for taken in server.taken() if taken.tag == tag][before:]

    async def until_there(router: Router) -> None:
        await until(lambda: len(found()) >= N, "all records are there")

    config = output(name, "a", place + "\n".join(rest), "*")
    ran = asyncio.run(deliver(folder, config, {f"tag.{folder.name}": records()}, until_there))
    assert (ran.counted("a"), ran.outputs["a"]["retries"]) == ((N, 0), 0)
    return found()


TIMES = [float(TIME + n) for n in range(N)]


@pytest.mark.parametrize(
    ("to", "lines"),
    [
        ("forward", "forward"),
        ("forward", "forward\nRequire_ack_response on"),
        ("forward", "forward\nRequire_ack_response on\nCompress gzip"),
        ("forward", "forward\nTime_as_Integer on\nSend_options on"),
        ("secure", "forward\nShared_Key between us\nSelf_Hostname us\nUsername me\nPassword pass\ntls on\n"
         "tls.verify on\ntls.ca_file {ca}\nRequire_ack_response on"),
    ],
)  # fmt: skip
def test_forward(server: FluentBit, tmp_path: Path, to: str, lines: str) -> None:
    taken = sent(tmp_path, server, to, lines.format(ca=server.folder / "ca.pem"))
    assert [(one.time, one.record) for one in taken] == list(zip(TIMES, records(), strict=True))


@pytest.mark.parametrize(
    ("to", "lines"),
    [
        ("http", "http\nFormat json"),
        ("http", "http\nFormat json\nCompress gzip"),
        ("tcp", "tcp\nFormat json_lines"),
        ("udp", "udp\nFormat json_lines"),
    ],
)
def test_bodies(server: FluentBit, tmp_path: Path, to: str, lines: str) -> None:
    taken = [one.record for one in sent(tmp_path, server, to, lines)]
    for one in taken:
        one.pop("date")
    assert taken == records()


def test_splunk(server: FluentBit, tmp_path: Path) -> None:
    taken = sent(tmp_path, server, "splunk", "splunk\nSplunk_Token t\n")
    assert [one.record["event"] for one in taken] == records()
    assert [one.record["time"] for one in taken] == TIMES


@pytest.mark.parametrize("name", ["es", "opensearch"])
def test_bulk(server: FluentBit, tmp_path: Path, name: str) -> None:
    taken = [one.record for one in sent(tmp_path, server, "elasticsearch", f"{name}\nSuppress_Type_Name on\nIndex i")]
    for one in taken:
        del one["@timestamp"]
        one.pop("create", None)
    assert [{key: value for key, value in one.items() if not key.startswith("@")} for one in taken] == records()


def test_opentelemetry(server: FluentBit, tmp_path: Path) -> None:
    taken = sent(tmp_path, server, "opentelemetry", "opentelemetry\nLogs_uri /v1/logs")
    assert [(one.time, one.record["log"]) for one in taken] == [
        (time, record["log"]) for time, record in zip(TIMES, records(), strict=True)
    ]


def test_syslog(server: FluentBit, tmp_path: Path) -> None:
    taken = sent(tmp_path, server, "syslog", "syslog\nMode tcp\nSyslog_Message_Key log\nSyslog_Hostname_Preset web")
    assert [(one.time, one.record["host"], one.record["message"]) for one in taken] == [
        (time, "web", record["log"]) for time, record in zip(TIMES, records(), strict=True)
    ]
