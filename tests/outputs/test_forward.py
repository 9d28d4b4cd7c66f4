import asyncio
import gzip
import hashlib
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from pyrolens.api import Chunk, ConfigError, Net, Outcome, Pair
from pyrolens.outputs.forward import LARGEST, Forward, ForwardSink, token_of
from pyrolens.records.codecs import pack_entries
from pyrolens.records.event import Event, Stamp
from tests.outputs.lent_env import Env, chunks
from tests.said import Said

T = 1718000000_123456789
EVENTS: list[Event] = [(T, {"log": "one"}), (Stamp(T, {"m": 1}), {"log": "two\udcff"})]


def time(ns: int) -> msgpack.ExtType:
    return msgpack.ExtType(0, struct.pack(">II", ns // 10**9, ns % 10**9))


EVENT_ENTRIES = [[[time(T), {}], {"log": "one"}], [[time(T), {"m": 1}], {"log": "two\udcff"}]]


class Receiver:
    """What a forward server gets. `answer`: what it says to a message, or None; "close" closes."""

    def __init__(self, answer: Callable[[list[Any]], Any] | None = None, key: str | None = None) -> None:
        self.answer = answer or (lambda message: None)
        self.key = key
        self.messages: list[list[Any]] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        unpacker = msgpack.Unpacker(unicode_errors="surrogateescape", max_buffer_size=0)
        if self.key is not None:
            writer.write(msgpack.packb(["HELO", {"nonce": b"n" * 16, "auth": b"salt", "keepalive": True}]))
        while data := await reader.read(65536):
            unpacker.feed(data)
            for message in unpacker:
                self.messages.append(message)
                said = self.pong(message) if message[0] == "PING" else self.answer(message)
                if said == "close":
                    writer.close()
                    return
                if said is not None:
                    writer.write(said if isinstance(said, bytes) else msgpack.packb(said))
        writer.close()

    def pong(self, ping: list[Any]) -> list[Any]:
        _, host, salt, digest, _, _ = ping
        key = (self.key or "").encode()
        good = hashlib.sha512(salt.encode() + host.encode() + b"n" * 16 + key).hexdigest() == digest
        mine = hashlib.sha512(salt.encode() + b"server" + b"n" * 16 + key).hexdigest()
        return ["PONG", good, "" if good else "wrong key", "server", mine]


def acks(message: list[Any]) -> Any:
    return {"ack": message[-1]["chunk"]}


def run(receiver: Receiver, test: Callable[[], Awaitable[None]], unix: str | None = None) -> None:
    async def main() -> None:
        if unix:
            server = await asyncio.start_unix_server(receiver.serve, unix)
        else:
            server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
            receiver.port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(30), server:
            await test()

    asyncio.run(main())


async def deliver(sink: ForwardSink, *batches: list[Event], tag: str = "a.b") -> list[Outcome]:
    return [await sink.deliver(chunk) for chunk in chunks(sink, tag, *batches)]


def exchange(receiver: Receiver, *batches: list[Event], **options: Any) -> list[Outcome]:
    """Deliver the batches as one chunk to the receiver, and close."""
    outcomes: list[Outcome] = []

    async def test() -> None:
        sink = Forward(port=receiver.port, **options).open(Env())
        outcomes.extend(await deliver(sink, *batches))
        await sink.close()

    run(receiver, test, options.get("unix_path"))
    return outcomes


def test_forward_mode_is_the_default() -> None:
    receiver = Receiver()
    assert exchange(receiver, EVENTS, EVENTS[:1]) == [Outcome()]
    assert receiver.messages == [["a.b", [*EVENT_ENTRIES, EVENT_ENTRIES[0]]]]


@pytest.mark.parametrize(
    ("options", "entries", "expected"),
    [
        ({"send_options": True}, EVENT_ENTRIES, {"size": 2, "fluent_signal": 0}),
        (
            {"add_option": [Pair("k", "v")]},
            EVENT_ENTRIES,
            {"size": 2, "fluent_signal": 0, "k": "v"},
        ),
        (
            {"time_as_integer": True, "send_options": True},
            [[1718000000, {"log": "one"}], [1718000000, {"log": "two\udcff"}]],
            {"size": 2, "fluent_signal": 0},
        ),
        (
            {"retain_metadata_in_forward_mode": False, "send_options": True},
            [[time(T), {"log": "one"}], [time(T), {"log": "two\udcff"}]],
            {"size": 2, "fluent_signal": 0},
        ),
    ],
)
def test_options(options: dict[str, Any], entries: list[Any], expected: dict[str, Any]) -> None:
    receiver = Receiver()
    exchange(receiver, EVENTS, **options)
    assert receiver.messages == [["a.b", entries, expected]]


def test_compressed_and_acknowledged() -> None:
    receiver = Receiver(acks)
    assert exchange(receiver, EVENTS, compress="gzip", require_ack_response=True) == [Outcome()]
    ((tag, packed, options),) = receiver.messages
    assert (tag, gzip.decompress(packed)) == ("a.b", pack_entries(EVENTS))
    assert options == {"chunk": token_of(pack_entries(EVENTS)), "size": 2, "compressed": "gzip", "fluent_signal": 0}
    assert len(options["chunk"]) == 24


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"ack": "other"}, "acknowledged other instead of"),
        ({"no": 1}, "acknowledged dict instead of"),
        ("close", "closed the connection instead of sending an ack"),
        (b"\xc1", "sent no msgpack instead of an ack"),
    ],
)
def test_without_its_ack_a_chunk_goes_again(answer: Any, said: str) -> None:
    (outcome,) = exchange(Receiver(lambda message: answer), EVENTS, require_ack_response=True)
    assert list(outcome.retry) == [0]
    assert said in outcome.reason


def test_an_ack_that_does_not_come() -> None:
    (outcome,) = exchange(Receiver(), EVENTS, require_ack_response=True, net=Net(io_timeout=0.05))
    assert list(outcome.retry) == [0]
    assert outcome.reason.endswith("did not send an ack in 0.05 seconds")


def test_nobody_listens(tmp_path: Path) -> None:
    async def test() -> None:
        sink = Forward(unix_path=str(tmp_path / "none")).open(Env())
        (outcome,) = await deliver(sink, EVENTS)
        assert list(outcome.retry) == [0]
        assert "No such file" in outcome.reason
        await sink.close()
        await sink.close()

    asyncio.run(test())


def test_a_unix_socket(tmp_path: Path) -> None:
    receiver = Receiver()
    assert exchange(receiver, EVENTS, unix_path=str(tmp_path / "s")) == [Outcome()]
    assert receiver.messages == [["a.b", EVENT_ENTRIES]]


def test_a_connection_is_used_again_unless_it_was_closed() -> None:
    receiver = Receiver(acks)

    async def test() -> None:
        sink = Forward(port=receiver.port, require_ack_response=True).open(Env())
        for _ in range(3):
            assert await deliver(sink, EVENTS) == [Outcome()]
        assert receiver.connections == 1
        receiver.answer = lambda message: "close"
        assert (await deliver(sink, EVENTS))[0].retry
        receiver.answer = acks
        assert await deliver(sink, EVENTS) == [Outcome()]
        assert receiver.connections == 2
        await sink.close()

    run(receiver, test)


def test_without_keepalive_each_chunk_has_its_connection() -> None:
    receiver = Receiver(acks)

    async def test() -> None:
        sink = Forward(port=receiver.port, require_ack_response=True, net=Net(keepalive=False)).open(Env())
        await deliver(sink, EVENTS)
        await deliver(sink, EVENTS)
        assert receiver.connections == 2
        await sink.close()

    run(receiver, test)


def test_the_handshake() -> None:
    receiver = Receiver(key="secret")
    options = {"shared_key": "secret", "self_hostname": "me", "username": "u", "password": "p"}
    assert exchange(receiver, EVENTS, **options) == [Outcome()]
    ping, data = receiver.messages
    assert ping[:2] == ["PING", "me"]
    assert len(ping[2]) == 16
    assert ping[4:] == ["u", hashlib.sha512(b"saltup").hexdigest()]
    assert data == ["a.b", EVENT_ENTRIES]


def test_an_empty_key() -> None:
    receiver = Receiver(key="")
    assert exchange(receiver, EVENTS, empty_shared_key=True) == [Outcome()]


def test_a_wrong_key_is_told() -> None:
    (outcome,) = exchange(Receiver(key="theirs"), EVENTS, shared_key="ours")
    assert outcome.reason.endswith("refuses us: wrong key")
    liar = Receiver(key="theirs")
    liar.pong = lambda ping: ["PONG", True, "", "server", "0" * 128]  # type: ignore[method-assign]
    (outcome,) = exchange(liar, EVENTS, shared_key="ours")
    assert outcome.reason.endswith("does not know the shared key")


def test_a_tag_made_from_the_tag() -> None:
    receiver = Receiver()
    exchange(receiver, EVENTS, tag="pre.$TAG[1].$TAG")
    assert [message[0] for message in receiver.messages] == ["pre.b.a.b"]


APPS: list[Event] = [(T, {"app": "a"}), (Stamp(T, {"m": 1}), {"app": 5}), (T, {})]


def test_a_tag_made_from_fields_is_message_mode() -> None:
    receiver = Receiver()
    exchange(receiver, APPS, tag="x.$app")
    assert receiver.messages == [
        ["x.a", time(T), {"app": "a"}, {"fluent_signal": 0}],
        ["x.5", time(T), {"app": 5}, {"fluent_signal": 0, "metadata": {"m": 1}}],
        ["x.", time(T), {}, {"fluent_signal": 0}],
    ]


def test_in_message_mode_only_what_was_not_acknowledged_goes_again() -> None:
    left = [True, False]
    receiver = Receiver(lambda message: acks(message) if left.pop(0) else "close")
    (outcome,) = exchange(receiver, APPS, tag="x.$app", require_ack_response=True)
    assert list(outcome.retry) == [1, 2]
    assert [m[0] for m in receiver.messages] == ["x.a", "x.5"]


def test_a_batch_that_is_too_large_is_cut() -> None:
    sink = Forward().open(Env())
    events: list[Event] = [(T, {"log": "x" * 1_000_000, "n": n}) for n in range(5)]
    parcels = list(sink.encoder("t")(events))
    assert [p.records for p in parcels] == [2, 1, 2]
    assert max(p.size for p in parcels) <= LARGEST
    joined = b"".join(forms[0] for p in parcels for forms, _ in p.items)
    assert joined == pack_entries(events)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"username": "u"}, ["username"]),
        ({"compress": "lz4"}, ["compress"]),
        ({"compress": "GZIP", "time_as_integer": True}, ["compress"]),
        ({"compress": "gzip", "tag": "x.$app"}, ["compress"]),
        ({"compress": "gzip", "tag": "x.$TAG"}, []),
        ({"tag": "$['"}, ["tag"]),
        ({"empty_shared_key": True, "username": "u", "compress": "text"}, []),
    ],
)
def test_wrong_options(options: dict[str, Any], where: list[str]) -> None:
    assert [option for option, _ in Forward(**options).check()] == where


UPSTREAM = """\
[UPSTREAM]
    name  two

[NODE]
    name  one
    host  127.0.0.1
    port  {0}

[NODE]
    name  other
    host  ${{OTHER_HOST}}
    port  {1}
    time_as_integer on
    require_ack_response yes
"""


def test_nodes_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_HOST", "127.0.0.1")
    one, other = Receiver(), Receiver(acks)

    async def test() -> None:
        second = await asyncio.start_server(other.serve, "127.0.0.1", 0)
        async with second:
            file = tmp_path / "up.conf"
            file.write_text(UPSTREAM.format(one.port, second.sockets[0].getsockname()[1]))
            sink = Forward(upstream=str(file)).open(Env())
            for _ in range(4):
                assert await deliver(sink, EVENTS[:1]) == [Outcome()]
            await sink.close()

    run(one, test)
    assert one.messages == [["a.b", [[time(T), {"log": "one"}]]]] * 2
    assert [m[:2] for m in other.messages] == [["a.b", [[1718000000, {"log": "one"}]]]] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[NODE]\n    name x\n", "needs an [UPSTREAM] section"),
        ("[UPSTREAM]\n    name x\n", "has no [NODE]"),
        (
            "[UPSTREAM]\n    name x\n[NODE]\n    name a\n    host b\n",
            "up.conf:3:1: error[bad-upstream]: forward: a node needs port",
        ),
        (
            "[UPSTREAM]\n    name x\n[NODE]\n    name a\n    host b\n    port c\n",
            "up.conf:6:10: error[bad-upstream]: forward: port is 'c'",
        ),
        ("[UPSTREAM]\n    name x\n[NODE]\n    name a\n    host b\n    port 1\n    tls maybe\n", "tls is 'maybe'"),
        (
            "[UPSTREAM]\n    name x\n[NODE]\n    name a\n     host b\n    port 1\n",
            "up.conf:5:1: error[syntax]: too much indentation",
        ),
        ("[UPSTREAM]\n    name\n", "up.conf:2:5: error[syntax]"),
        ("[UPSTREAM]\n    name x\n[NODE]\n    name a\n    host b\n    port 1\n    username u\n", "need shared_key"),
    ],
)
def test_wrong_upstream_files(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "up.conf"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        Forward(upstream=str(file)).peers(Said())
    assert said in str(error.value)


def test_the_first_of_two_lines_about_the_place_of_a_node_counts(tmp_path: Path) -> None:
    (tmp_path / "up.conf").write_text(
        "[UPSTREAM]\n    name x\n[NODE]\n    name a\n    host b\n    port 1\n    Port 2\n"
        "    self_hostname c\n    self_hostname d\n"
    )
    [peer] = Forward(upstream=str(tmp_path / "up.conf")).peers(Said())
    assert (peer.port, peer.self_hostname) == (1, "d")


def test_an_upstream_file_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "up.yaml"
    file.write_text(
        "upstream_servers:\n  - name: x\n    nodes:\n      - {name: a, host: h, port: 1, tls: on, shared_key: k}\n"
    )
    (peer,) = Forward(upstream=str(file)).peers(Said())
    assert (peer.host, peer.port, peer.shared_key, peer.tls is not None, peer.form) == ("h", 1, "k", True, "plain")
    with pytest.raises(ConfigError):
        Forward(upstream=str(tmp_path / "none")).peers(Said())


def test_a_chunk_keeps_its_key() -> None:
    (chunk,) = chunks(Forward().open(Env()), "t", EVENTS)
    assert isinstance(chunk, Chunk)
    assert chunk.key == "t"
