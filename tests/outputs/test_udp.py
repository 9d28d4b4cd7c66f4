import json
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Outcome, Output
from pyrolens.outputs._written import Written
from pyrolens.outputs.udp import Udp, UdpNet
from pyrolens.records.codecs import pack_entry
from tests.outputs.sending import Env, events
from tests.outputs.wires import dropped, refused

TWO = events({"log": "one"}, {"log": "two"})
WRITTEN = ("format", "json_date_key", "json_date_format", "raw_message_key")


def udp(**options: Any) -> Any:
    written = Written(**{name: options.pop(name) for name in WRITTEN if name in options})

    def make(port: int) -> Output:
        return Udp(port=port, written=written, **options)

    return make


@pytest.mark.parametrize(
    ("options", "datagrams"),
    [
        ({}, [pack_entry(*event) for event in TWO]),
        ({"format": "json", "json_date_key": "no"}, [b'[{"log":"one"}]\n', b'[{"log":"two"}]\n']),
        ({"format": "json_lines", "json_date_key": "no"}, [b'{"log":"one"}\n', b'{"log":"two"}\n']),
        ({"format": "json_stream", "json_date_key": "no"}, [b'{"log":"one"}\n', b'{"log":"two"}\n']),
        ({"raw_message_key": "$log"}, [b"one\n", b"two\n"]),
        ({"raw_message_key": "$none"}, [b"\n", b"\n"]),
        (
            {"raw_message_key": "$log", "net": UdpNet(source_address="127.0.0.1", prefer_ipv4=True)},
            [b"one\n", b"two\n"],
        ),
    ],
)
def test_formats(options: dict[str, Any], datagrams: list[bytes]) -> None:
    assert dropped(udp(**options), TWO) == ([DELIVERED], datagrams)


def test_the_date() -> None:
    _, datagrams = dropped(udp(format="json_lines", json_date_format="epoch"), TWO)
    assert [json.loads(datagram)["date"] for datagram in datagrams] == [1718000000, 1718000001]


def test_a_record_that_is_too_large_is_refused_alone() -> None:
    batch = events({"log": "first"}, {"log": "a" * 70_000}, {"log": "last"})
    outcomes, datagrams = dropped(udp(raw_message_key="$log"), batch)
    assert outcomes == [Outcome([], {1: "a record of 70,001 bytes is more than a datagram holds"}, "")]
    assert datagrams == [b"first\n", b"last\n"]


def test_nobody_listens() -> None:
    (outcome,) = refused(udp(), TWO)
    assert list(outcome.retry) == [0, 1]
    assert outcome.reason.endswith(": nobody listens")


def test_a_name_that_does_not_exist() -> None:
    (outcome,) = refused(lambda port: Udp(host="no-such-host.invalid"), TWO)
    assert list(outcome.retry) == [0, 1]
    assert outcome.reason.startswith("no-such-host.invalid: the name cannot be resolved")


def test_a_raw_text_without_a_field_is_told() -> None:
    env = Env()
    udp(raw_message_key="some text")(1).open(env)
    assert env.said.lines[0][2]["hint"] == "write $name for a field"


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({}, []),
        ({"tls_on": True}, [("tls", "udp does not speak TLS; tcp and syslog do")]),
    ],
)
def test_wrong_options(options: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    assert list(udp(**options)(1).check()) == problems
