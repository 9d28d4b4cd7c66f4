import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Output, Tls
from pyrolens.outputs.gelf import GelfOutput, Keys
from tests.outputs.sending import Env, events
from tests.outputs.wires import dropped, refused, secure, streamed

LOG = Keys(short_message_key="log")
TWO = events({"log": "one", "n": 1}, {"log": "two"})
ONE_TEXT = b'{"version":"1.1","short_message":"one","_n":1,"timestamp":1718000000.123}'
TWO_TEXT = b'{"version":"1.1","short_message":"two","timestamp":1718000001.123}'
BIG = events({"log": "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(500))}, {"log": "next"})


def gelf(**options: Any) -> Any:
    def make(port: int) -> Output:
        return GelfOutput(port=port, **{"gelf": LOG, **options})

    return make


def joined(datagrams: list[bytes]) -> bytes:
    """The message of datagrams that belong together, as a receiver joins them."""
    assert {d[:2] for d in datagrams} == {b"\x1e\x0f"}
    assert len({d[2:10] for d in datagrams}) == 1
    assert [(d[10], d[11]) for d in datagrams] == [(n, len(datagrams)) for n in range(len(datagrams))]
    return b"".join(d[12:] for d in datagrams)


def test_datagrams_are_compressed() -> None:
    outcomes, datagrams = dropped(gelf(), TWO)
    assert (outcomes, [gzip.decompress(d) for d in datagrams]) == ([DELIVERED], [ONE_TEXT, TWO_TEXT])


def test_datagrams_as_they_are() -> None:
    assert dropped(gelf(compress=False), TWO) == ([DELIVERED], [ONE_TEXT, TWO_TEXT])


def test_what_is_larger_than_a_datagram_is_compressed_and_cut() -> None:
    outcomes, datagrams = dropped(gelf(compress=False, packet_size=500), BIG, BIG)
    assert outcomes == [DELIVERED]
    assert max(map(len, datagrams)) == 512
    assert json.loads(datagrams[-1])["short_message"] == "next"
    half = len(datagrams) // 2
    messages = [joined(datagrams[: half - 1]), joined(datagrams[half:-1])]
    assert [json.loads(gzip.decompress(m))["short_message"] for m in messages] == [BIG[0][1]["log"]] * 2
    assert datagrams[0][2:10] != datagrams[half][2:10]


def test_more_than_128_datagrams_are_refused_alone() -> None:
    env = Env()
    outcomes, datagrams = dropped(gelf(compress=False, packet_size=10), [BIG[0], (BIG[1][0], {"log": "x"})], env=env)
    assert outcomes == [DELIVERED]
    ((rejected, reason),) = env.rejected
    assert (rejected, reason[:16], reason[-34:]) == ([BIG[0]], "message too big:", " bytes are more than 128 datagrams")
    assert json.loads(gzip.decompress(joined(datagrams)))["short_message"] == "x"


def test_what_cannot_be_gelf_is_refused_alone() -> None:
    env = Env()
    batch = [*TWO, *events({"n": 1}, {"log": "x", "level": None})]
    assert dropped(gelf(compress=False), batch, env=env)[1] == [ONE_TEXT, TWO_TEXT]
    assert env.rejected == [
        ([batch[2]], "no short message for GELF"),
        ([batch[3]], "the level is neither a number nor text"),
    ]


def test_over_tcp_messages_end_in_nul() -> None:
    outcomes, data = streamed(gelf(mode="tcp"), TWO)
    assert (outcomes, data) == ([DELIVERED], ONE_TEXT + b"\0" + TWO_TEXT + b"\0")


@pytest.mark.parametrize("options", [{"mode": "tls"}, {"mode": "tcp", "tls_on": True}])
def test_over_tls(options: dict[str, Any], tmp_path: Path) -> None:
    context = secure(tmp_path)
    tls = Tls(ca_file=str(tmp_path / "ca.pem"))
    outcomes, data = streamed(gelf(tls=tls, **options), TWO, tls=context)
    assert (outcomes, data) == ([DELIVERED], ONE_TEXT + b"\0" + TWO_TEXT + b"\0")


@pytest.mark.parametrize(
    ("key", "record", "expected"),
    [
        ("tag", {"log": "x"}, {"short_message": "x", "_tag": "web.app"}),
        ("tag", {"log": "x", "tag": "own"}, {"short_message": "x", "_tag": "web.app"}),
        ("host", {"log": "x"}, {"short_message": "x", "host": "web.app"}),
        ("host", {"log": "x", "host": "own"}, {"short_message": "x", "host": "own"}),
    ],
)
def test_the_tag_as_a_field(key: str, record: dict[str, Any], expected: dict[str, Any]) -> None:
    options = gelf(mode="tcp", gelf=Keys(short_message_key="log", tag_key=key))
    _, data = streamed(options, events(record))
    assert json.loads(data[:-1]) == {"version": "1.1", "timestamp": 1718000000.123, **expected}


def test_nobody_listens() -> None:
    (outcome,) = refused(gelf(), TWO)
    assert (list(outcome.retry), outcome.reason[-16:]) == ([0, 1], ": nobody listens")
    (outcome,) = refused(gelf(mode="tcp"), TWO)
    assert (list(outcome.retry), outcome.reason[-20:]) == ([0, 1], ": connection refused")


def test_a_packet_that_no_datagram_holds_is_refused_alone() -> None:
    text = "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(20_000))
    batch = events({"log": text}, {"log": "two"})
    outcomes, datagrams = dropped(gelf(compress=False, packet_size=65_496), batch)
    assert [list(o.rejected) for o in outcomes] == [[0]]
    assert [json.loads(d)["short_message"] for d in datagrams] == ["two"]


def test_wrong_options() -> None:
    assert list(GelfOutput(tls_on=True).check()) == [("tls", "mode udp cannot speak TLS; use mode tls")]
    assert list(GelfOutput(tls_on=True, mode="tcp").check()) == []
