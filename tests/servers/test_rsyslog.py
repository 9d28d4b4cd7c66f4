"""syslog, tcp and udp, to an rsyslog."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import Router, until
from tests.servers.delivering import Delivered, deliver, output
from tests.servers.programs import running
from tests.servers.rsyslog import Rsyslog

N = 10
BOM = "\ufeff"
"""RFC 5424 wants it before text in UTF-8, and rsyslog keeps it."""
KEYS = """
    Syslog_Message_Key log
    Syslog_Hostname_Key host
    Syslog_Appname_Key app
    Syslog_Procid_Key pid
    Syslog_Severity_Key severity
    Syslog_Facility_Preset 16
"""
TIMES = [f"2026-05-28T20:26:{40 + n}" for n in range(N)]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rsyslog]:
    server = Rsyslog(tmp_path_factory.mktemp("rsyslog"))
    with running(server.program, server.ready):
        yield server


def records(text: str = "line {n} é") -> list[dict[str, Any]]:
    return [
        {"n": n, "log": text.format(n=n), "host": f"web{n}", "app": "shop", "pid": 40 + n, "severity": "err"}
        for n in range(N)
    ]


def sent(folder: Path, server: Rsyslog, name: str, outputs: str, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the server understood that came in by the input of that name."""
    before = len(server.understood(name))

    async def until_there(router: Router) -> None:
        await until(lambda: len(server.understood(name)) >= before + len(given), "all messages are there")

    ran = asyncio.run(deliver(folder, outputs, {"a": given}, until_there))
    assert ran.counted("a") == (len(given), 0)
    assert ran.outputs["a"]["retries"] == 0
    found = server.understood(name)[before:]
    assert len(found) == len(given)
    return found


def place(server: Rsyslog, mode: str) -> str:
    if mode == "unix":
        return f"Mode unix\nUnix_Path {server.socket}\n"
    tls = f"tls.verify on\ntls.ca_file {server.folder}/ca.pem\n" if mode == "tls" else ""
    return f"Mode {mode}\nHost 127.0.0.1\nPort {getattr(server, mode)}\n{tls}"


@pytest.mark.parametrize("mode", ["udp", "tcp", "tls", "unix"])
def test_rfc_5424(server: Rsyslog, tmp_path: Path, mode: str) -> None:
    more = "Syslog_Msgid_Preset paid\nSyslog_Sd_Key order\n"
    given = [{**record, "order": {"id": f'a"]\\{record["n"]}'}} for record in records()]
    found = sent(tmp_path, server, mode, output("syslog", "a", place(server, mode) + KEYS + more), given)
    for n, message in enumerate(found):
        message.pop("rawmsg")
        assert message == {
            "pri": "131", "timereported": f"{TIMES[n]}.000000Z", "hostname": f"web{n}", "app-name": "shop",
            "procid": str(40 + n), "msgid": "paid", "structured-data": f'[order id="a\\"\\]\\\\{n}"]',
            "msg": f"{BOM}line {n} é",
        }  # fmt: skip


@pytest.mark.parametrize("mode", ["udp", "tcp", "tls", "unix"])
def test_rfc_3164(server: Rsyslog, tmp_path: Path, mode: str) -> None:
    lines = place(server, mode) + KEYS + "Syslog_Format rfc3164\n"
    found = sent(tmp_path, server, mode, output("syslog", "a", lines), records())
    for n, message in enumerate(found):
        assert message["timereported"][5:19] == TIMES[n][5:]
        kept = {key: message[key] for key in ("pri", "hostname", "app-name", "procid", "msg")}
        assert kept == {
            "pri": "131", "hostname": f"web{n}", "app-name": "shop", "procid": str(40 + n), "msg": f" line {n} é",
        }  # fmt: skip


@pytest.mark.parametrize("mode", ["tcp", "tls"])
def test_messages_of_several_lines(server: Rsyslog, tmp_path: Path, mode: str) -> None:
    lines = place(server, mode) + KEYS + "Syslog_Framing octet_counting\n"
    given = records("Error: {n}\n\tat main\n\tat start")
    found = sent(tmp_path, server, mode, output("syslog", "a", lines), given)
    assert [message["msg"].removeprefix(BOM) for message in found] == [record["log"] for record in given]


@pytest.mark.parametrize("mode", ["udp", "tcp", "tls"])
def test_json_lines(server: Rsyslog, tmp_path: Path, mode: str) -> None:
    name = "udp" if mode == "udp" else "tcp"
    tls = f"tls on\ntls.verify on\ntls.ca_file {server.folder}/ca.pem\n" if mode == "tls" else ""
    lines = f"Host 127.0.0.1\nPort {getattr(server, mode)}\nFormat json_lines\njson_date_key false\n{tls}"
    found = sent(tmp_path, server, mode, output(name, "a", lines), records())
    assert [json.loads(message["rawmsg"]) for message in found] == records()


@pytest.mark.parametrize("mode", ["udp", "tcp", "tls"])
def test_until_the_server_is_there_messages_wait(server: Rsyslog, tmp_path: Path, mode: str) -> None:
    server.program.kill()

    async def start(router: Router) -> None:
        await until(lambda: " retry" in router.said(), "nobody listened")
        server.program.start(server.ready)

    lines = place(server, mode) + KEYS + "Retry_Limit no_limits\n"
    ran: Delivered = asyncio.run(deliver(tmp_path, output("syslog", "a", lines), {"a": records()}, start))
    assert ran.counted("a") == (N, 0)

    async def there() -> None:
        await until(lambda: len(server.understood(mode)) >= N, "all messages are there")

    asyncio.run(there())
    assert [message["procid"] for message in server.understood(mode)] == [str(40 + n) for n in range(N)]
