import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Net, Output, Tls
from pyrolens.outputs._written import Written
from pyrolens.outputs.tcp import Tcp
from pyrolens.records.codecs import pack_entries
from tests.net.receivers import receiving
from tests.outputs.sending import Env, chunks, events
from tests.outputs.wires import deliver, refused, secure, streamed

TWO = events({"log": "one"}, {"log": "two é"})
THREE = events({"log": "three"})
WRITTEN = ("format", "json_date_key", "json_date_format", "raw_message_key")


def tcp(**options: Any) -> Any:
    written = Written(**{name: options.pop(name) for name in WRITTEN if name in options})

    def make(port: int) -> Output:
        return Tcp(port=port, written=written, **options)

    return make


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({}, pack_entries(TWO) + pack_entries(THREE)),
        ({"format": "xml"}, pack_entries(TWO) + pack_entries(THREE)),
        (
            {"format": "json", "json_date_key": "false"},
            b'[{"log":"one"},{"log":"two \\u00e9"},{"log":"three"}]',
        ),
        (
            {"format": "JSON_LINES", "json_date_key": "no"},
            b'{"log":"one"}\n{"log":"two \\u00e9"}\n{"log":"three"}\n',
        ),
        (
            {"format": "json_stream", "json_date_key": "off"},
            b'{"log":"one"}{"log":"two \\u00e9"}{"log":"three"}',
        ),
        ({"format": "json", "raw_message_key": "$log"}, "one\ntwo é\nthree\n".encode()),
        ({"raw_message_key": "$TAG[1]: $log"}, "app: one\napp: two é\napp: three\n".encode()),
    ],
)
def test_formats(options: dict[str, Any], body: bytes) -> None:
    assert streamed(tcp(**options), TWO, THREE) == ([DELIVERED], body)


def test_the_date() -> None:
    _, body = streamed(tcp(format="json"), TWO)
    assert [record["date"] for record in json.loads(body)] == [1718000000.123457, 1718000001.123457]
    _, body = streamed(tcp(format="json_lines", json_date_key="t", json_date_format="epoch"), TWO)
    assert [json.loads(line)["t"] for line in body.splitlines()] == [1718000000, 1718000001]


def test_raw_values_of_all_kinds() -> None:
    batch = events({"log": "a\n"}, {"msg": "none"}, {"log": 5}, {"log": {"a": 1}}, {"log": "\udcff\x00"})
    assert streamed(tcp(raw_message_key="$log"), batch)[1] == b'a\n\n\n5\n{"a":1}\n\xff\x00\n'


def test_a_raw_text_without_a_field_is_told() -> None:
    env = Env()
    assert streamed(tcp(raw_message_key="log"), TWO, env=env)[1] == b"log\nlog\n"
    assert env.said.lines == [
        (
            "warning",
            "raw_message_key names no field, so it is sent for each record",
            {"raw_message_key": "log", "hint": "write $log for the field"},
        )
    ]


def test_json_is_valid() -> None:
    odd: dict[Any, Any] = {"bad": float("nan"), 5: "key"}
    batch = events(odd)
    _, body = streamed(tcp(format="json_lines", json_date_key="false"), batch)
    assert json.loads(body) == {"bad": None, "5": "key"}


def test_over_tls(tmp_path: Path) -> None:
    context = secure(tmp_path)
    options = tcp(tls_on=True, tls=Tls(ca_file=str(tmp_path / "ca.pem")), raw_message_key="$log")
    assert streamed(options, THREE, tls=context) == ([DELIVERED], b"three\n")


def test_a_certificate_that_nobody_knows(tmp_path: Path) -> None:
    async def run() -> None:
        async with receiving(tls=secure(tmp_path)) as receiver:
            (outcome,) = await deliver(Tcp(port=receiver.port, tls_on=True), (TWO,), None, "t")
            assert list(outcome.retry) == [0]
            assert outcome.reason.startswith(f"127.0.0.1:{receiver.port}: certificate refused: ")

    asyncio.run(asyncio.wait_for(run(), 60))


def test_nobody_listens() -> None:
    (outcome,) = refused(tcp(), TWO)
    assert list(outcome.retry) == [0]
    assert outcome.reason.endswith(": connection refused")


def test_a_reset_in_the_middle_sends_all_again() -> None:
    batch = events({"log": "x" * 16_000_000})

    async def run() -> None:
        async with receiving(until=1000, reset=True) as receiver:
            sink = Tcp(port=receiver.port).open(Env())
            (chunk,) = chunks(sink, [("t", batch)])
            outcome = await sink.deliver(chunk)
            assert (list(outcome.retry), outcome.slow_down) == ([0], False)
            receiver.until = None
            # and the whole of it goes over a new connection
        async with receiving() as receiver:
            again = Tcp(port=receiver.port).open(Env())
            assert await again.deliver(chunk) == DELIVERED
            await again.close()
            assert await receiver.connection(0) == pack_entries(batch)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_receiver_that_stops_reading() -> None:
    async def run() -> None:
        async with receiving(until=0) as receiver:
            output = Tcp(port=receiver.port, net=Net(io_timeout=0.1))
            (outcome,) = await deliver(output, (events({"log": "x" * 16_000_000}),), None, "t")
            assert outcome.reason == f"127.0.0.1:{receiver.port}: takes nothing for 0.1 seconds"

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize(
    ("options", "problems"),
    [({}, []), ({"raw_message_key": "$a['b'"}, ["raw_message_key: '$a['b'' is no accessor"])],
)
def test_wrong_options(options: dict[str, Any], problems: list[str]) -> None:
    assert [message.partition(": expected")[0] for _, message in tcp(**options)(1).check()] == problems
