"""The forward protocol over real sockets: all modes, acks, odd and broken input, waiting, stopping."""

import asyncio
import contextlib
import gzip
import os
import socket
import stat
import tempfile
import time
from collections.abc import AsyncIterator
from hashlib import sha512
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.api import ConfigError, Pair
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._server import ServerNet
from pyrolens.inputs.forward import Forward, ForwardSource
from pyrolens.records import frames
from pyrolens.records.event import SECOND, metadata_of
from tests.inputs.lent import Lent, run, soon


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, unicode_errors="surrogateescape")
    return packed


def at(seconds: int, ns: int = 0, code: int = 0) -> msgpack.ExtType:
    return msgpack.ExtType(code, seconds.to_bytes(4, "big") + ns.to_bytes(4, "big"))


def forward(**options: Any) -> Forward:
    return Forward(**options)


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.unpacker = msgpack.Unpacker(raw=False, unicode_errors="surrogateescape")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> Any:
        """The next message from the router."""
        while True:
            for value in self.unpacker:
                return value
            data = await soon(lambda: self.reader.read(65536))
            assert data, "the router closed the connection"
            self.unpacker.feed(data)

    async def closed(self) -> bool:
        with contextlib.suppress(ConnectionError):
            return bool(await soon(self.reader.read) == b"")
        return True

    def close(self) -> None:
        self.writer.close()


class Running:
    """A forward input which listens on a socket of its own folder."""

    def __init__(self, env: Lent, source: ForwardSource, path: str) -> None:
        self.env, self.source, self.path = env, source, path
        self.peers: list[Peer] = []

    async def connect(self) -> Peer:
        peer = Peer(*await asyncio.open_unix_connection(self.path))
        self.peers.append(peer)
        return peer


@contextlib.asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Running]:
    with tempfile.TemporaryDirectory() as folder:
        env = Lent("forward.0", "forward.0")
        path = f"{folder}/s"
        source = ForwardSource(forward(unix_path=path, **options), env)
        await source.start()
        router = Running(env, source, path)
        try:
            yield router
        finally:
            for peer in router.peers:
                peer.close()
            await source.stop()


async def taken(data: bytes, events: int, **options: Any) -> Lent:
    """What arrives when a peer sends the data."""
    async with running(**options) as router:
        peer = await router.connect()
        await peer.send(data)
        await router.env.until_events(events)
        return router.env


ENTRIES = [[1, {"a": 1}], [at(2, 3), {"b": 2}], [1.5, {"c": 3}]]
EVENTS = [("t", SECOND, {"a": 1}), ("t", 2 * SECOND + 3, {"b": 2}), ("t", 1_500_000_000, {"c": 3})]


@pytest.mark.parametrize(
    ("message", "events"),
    [
        (["t", at(5, 6), {"log": "x"}, {}], [("t", 5 * SECOND + 6, {"log": "x"})]),
        (["t", at(5, 6), {"log": "x"}], [("t", 5 * SECOND + 6, {"log": "x"})]),
        (["t", 5, {"log": "x"}, None], [("t", 5 * SECOND, {"log": "x"})]),
        (["t", 1.5, {"log": "x"}], [("t", 1_500_000_000, {"log": "x"})]),
        (["t", msgpack.Timestamp(5, 6), {"log": "x"}], [("t", 5 * SECOND + 6, {"log": "x"})]),
        (["t", 5, {"log": "\udcff\udcfe"}], [("t", 5 * SECOND, {"log": "\udcff\udcfe"})]),
        (["t", 5, {"log": b"\xff"}], [("t", 5 * SECOND, {"log": b"\xff"})]),
        (["t", 5, {1: 2, None: {3: 4}}], [("t", 5 * SECOND, {"1": 2, "null": {"3": 4}})]),
        (["t", 5, {}, {}, "more"], [("t", 5 * SECOND, {})]),
        (["t", ENTRIES], EVENTS),
        (["t", ENTRIES, {"size": 3}], EVENTS),
        (["t", [*ENTRIES, [1, {7: "x"}]], {"size": 3}], [*EVENTS, ("t", SECOND, {"7": "x"})]),
        (["t", b"".join(map(pack, ENTRIES))], EVENTS),
        (["t", b"".join(map(pack, ENTRIES)), {"size": 3}], EVENTS),
        (["t", b"".join(map(pack, ENTRIES)).decode("utf-8", "surrogateescape"), {"size": 3}], EVENTS),
        (["t", gzip.compress(b"".join(map(pack, ENTRIES)), mtime=0), {"compressed": "gzip"}], EVENTS),
        (["t", gzip.compress(pack(ENTRIES[0])) + gzip.compress(pack(ENTRIES[1])), {"compressed": "gzip"}], EVENTS[:2]),
        (["t", gzip.compress(pack(ENTRIES[0]))], EVENTS[:1]),
        (["t", pack(ENTRIES[0]) + pack([at(0xFFFFFFFF), {"group": 1}]) + pack([at(0xFFFFFFFE), {}])], EVENTS[:1]),
    ],
)
def test_every_mode(message: Any, events: list[Any]) -> None:
    async def check() -> None:
        env = await taken(pack(message), len(events))
        assert env.events == events
        assert env.counts == {}

    run(check())


@pytest.mark.parametrize(
    "message",
    [
        ["t", [[[1, {"m": 2}], {"a": 1}]]],
        ["t", pack([[1, {"m": 2}], {"a": 1}])],
        ["t", 1, {"a": 1}, {"metadata": {"m": 2}}],
    ],
)
def test_metadata_travels_beside_the_record(message: Any) -> None:
    async def check() -> None:
        env = await taken(pack(message), 1)
        (_, ((ns, record),), _) = env.batches[0]
        assert (ns, metadata_of(ns), record) == (SECOND, {"m": 2}, {"a": 1})

    run(check())


def test_what_is_read_at_once_is_a_batch_for_each_tag() -> None:
    async def check() -> None:
        data = [pack([tag, n, {"n": n}, {}]) for n, tag in enumerate("aabbba")]
        env = await taken(b"".join(data), 6)
        assert [(tag, [r["n"] for _, r in events]) for tag, events, _ in env.batches] == [
            ("a", [0, 1, 5]),
            ("b", [2, 3, 4]),
        ]
        assert sum(size for _, _, size in env.batches) == len(b"".join(data))

    run(check())


@pytest.mark.parametrize(
    ("options", "tag"),
    [({}, "t"), ({"tag": "mine"}, "mine"), ({"tag_prefix": "p."}, "p.t"), ({"tag": "mine", "tag_prefix": "p."}, "p.t")],
)
def test_tags(options: dict[str, Any], tag: str) -> None:
    async def check() -> None:
        env = await taken(pack(["t", 1, {}]) + pack(["t", [[1, {}]]]), 2, **options)
        assert {t for t, _, _ in env.events} == {tag}

    run(check())


@pytest.mark.parametrize(
    "message",
    [
        ["t", 1, {"a": 1}, {"chunk": "c1"}],
        ["t", [[1, {"a": 1}]], {"chunk": "c1"}],
        ["t", [], {"chunk": "c1"}],
        ["t", [[1, {"a": 1}], [1, "no record"]], {"chunk": "c1"}],
        ["t", pack([1, {"a": 1}]), {"chunk": "c1"}],
        ["t", gzip.compress(pack([1, {"a": 1}]), mtime=0), {"chunk": "c1", "compressed": "gzip"}],
    ],
)
def test_an_ack_follows_once_the_records_are_handed_over(message: Any) -> None:
    async def check() -> None:
        async with running() as router:
            peer = await router.connect()
            await peer.send(pack(message))
            assert await peer.receive() == {"ack": "c1"}
            assert router.env.records == ([{"a": 1}] if message[1] else [])

    run(check())


REFUSED = [
    ["t", -1, {"a": 1}],
    ["t", at(1, 2, code=1), {"a": 1}],
    ["t", msgpack.ExtType(0, b"short"), {"a": 1}],
    ["t", 1, {"a": 1}, "options"],
    ["t", 1, {"a": 1}, {"chunk": 5}],
    ["t", 1, {"a": 1}, {"chunk": b"bin"}],
    ["t", 1, {"a": 1}, {"metadata": "x"}],
    [b"t", 1, {"a": 1}],
    [5, 1, {"a": 1}],
    ["", 1, {"a": 1}],
    ["t", 1, [1]],
    ["t", 1, "x"],
    ["t", 1],
    ["t"],
    [],
    ["t", [[1, {}, 3]]],
    ["t", [[-5, {}]]],
    ["t", [1]],
    ["t", "not entries"],
    ["t", b"\xc1"],
    ["t", pack([1, {}])[:2]],
    ["t", gzip.compress(b"x" * 100, mtime=0)[:20], {"compressed": "gzip"}],
    ["t", pack([1, {}]), {"compressed": "gzip"}],
    ["t", b"\x28\xb5\x2f\xfd rubbish", {"compressed": "zstd"}],
    ["t", gzip.compress(b"\0" * 2_000_000, mtime=0), {"compressed": "gzip"}],
    ["t", pack([1, {}]), {"fluent_signal": 1}],
]


@pytest.mark.parametrize("message", REFUSED, ids=lambda m: repr(m)[:60])
def test_a_bad_message_is_refused_alone(message: Any) -> None:
    async def check() -> None:
        good = [pack(["good", n, {"n": n}, {}]) for n in range(4)]
        env = await taken(b"".join([*good[:2], pack(message), *good[2:]]), 4, buffer_max_size=1_000_000)
        assert env.records == [{"n": n} for n in range(4)]
        assert env.counts.pop("refused_records") >= 1
        assert env.counts == {}
        assert [(level, event) for level, event, _ in env.said.lines] == [("warning", "refused what came in")]

    run(check())


def test_a_bad_entry_is_refused_alone() -> None:
    async def check() -> None:
        entries = [[1, {"a": 1}], [1, "x"], [2, {"b": 2}]]
        data = pack(["t", entries]) + pack(["t", b"".join(map(pack, entries))])
        env = await taken(data, 4)
        assert env.records == [{"a": 1}, {"b": 2}] * 2
        assert env.counts == {"refused_records": 2}

    run(check())


def test_the_log_is_not_filled() -> None:
    async def check() -> None:
        env = await taken(pack(["t", 1]) * 500 + pack(["t", 1, {}]), 1)
        assert env.counts == {"refused_records": 500}
        assert env.said.lines == [("warning", "refused what came in", {"reason": "it has no record", "number": 1})]

    run(check())


BROKEN = {
    "garbage": b"\xc1garbage",
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "a map": pack({"a": 1}) + pack(["t", 1, {"n": 9}]),
    "nil": pack(None),
    "a map of 100 million": b"\xdf\x05\xf5\xe1\x00" + b"\x01" * 2000,
    "an array without end": b"\x92\xa1t\xdd\xff\xff\xff\xff" + b"\xc0" * 2000,
    "a string of 4 GB": b"\x93\xa1t\x01\x81\xa1a\xdb\xff\xff\xff\xff" + b"a" * 2000,
    "deep nesting": b"\x91" * 1500,
    "a large message": pack(["t", 1, {"a": "b" * 2000}])[:-1],
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_stream_is_closed_and_others_lose_nothing(data: bytes) -> None:
    async def check() -> None:
        async with running(buffer_max_size=1000) as router:
            other, broken = await router.connect(), await router.connect()
            half = pack(["t", 2, {"n": 2}])
            await other.send(half[:4])
            await broken.send(pack(["t", 1, {"n": 1}]) + data)
            assert await broken.closed()
            await other.send(half[4:])
            await router.env.until_events(2)
            assert router.env.records == [{"n": 1}, {"n": 2}]
            assert router.env.counts == {"closed_connections": 1}

    run(check())


def test_a_message_cut_off_by_the_peer_is_counted() -> None:
    async def check() -> None:
        async with running() as router:
            peer = await router.connect()
            await peer.send(pack(["t", 1, {"a": 1}])[:-2])
            peer.close()
            await router.env.until(lambda: router.env.counts == {"refused_records": 1})

    run(check())


DEEP = b"\x93\xa1t\x01\x81\xa1a" + b"\x91" * 900 + b"\xc0"


def test_deep_records_are_taken_or_refused_and_never_harm() -> None:
    async def check() -> None:
        env = await taken(DEEP + DEEP.replace(b"\xa1a", b"\x01", 1) + pack(["t", 1, {"b": 1}]), 1)
        assert env.records[-1] == {"b": 1}

    run(check())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.binary(max_size=60)
        | st.sampled_from([pack(m) for m in REFUSED])
        | st.sampled_from(list(BROKEN.values()))
        | st.builds(
            lambda raw, n: raw[:n], st.sampled_from([pack(["t", at(1), {"k": "v"}, {}]), DEEP]), st.integers(0, 40)
        ),
        max_size=6,
    )
)
def test_whatever_one_peer_sends_others_are_served(pieces: list[bytes]) -> None:
    async def check() -> None:
        async with running(buffer_max_size=1000) as router:
            before, bad = await router.connect(), await router.connect()
            good = pack(["good", at(3), {"n": 1}, {}])
            await before.send(good[:7])
            with contextlib.suppress(ConnectionError):
                await bad.send(b"".join(pieces))
                bad.writer.write_eof()
            await before.send(good[7:])
            after = await router.connect()
            await after.send(good)
            env = router.env
            await env.until(lambda: sum(tag == "good" for tag, _, _ in env.events) == 2)
            for _, _, record in env.events:
                assert type(record) is dict
                assert all(type(key) is str for key in record)

    run(check())


def test_while_paused_connections_wait() -> None:
    async def check() -> None:
        async with running() as router:
            early = await router.connect()
            await early.send(pack(["t", 1, {"n": 0}]))
            await router.env.until_events(1)
            router.source.pause()
            router.source.pause()
            late = await router.connect()
            for peer in (early, late):
                await peer.send(pack(["t", 1, {"n": 1}]))
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(router.env.events) == 1
            router.source.resume()
            await router.env.until_events(3)

    run(check())


def test_a_stop_takes_what_was_sent_before_it() -> None:
    async def check() -> None:
        async with running() as router:
            peer = await router.connect()
            await peer.send(pack(["t", 1, {"n": 0}]))
            await router.env.until_events(1)
            router.source.pause()
            message = pack(["t", 1, {"log": "x" * 1000}])
            sent = 0
            raw = peer.writer.get_extra_info("socket")
            with contextlib.suppress(BlockingIOError):
                while sent < 50:
                    assert os.write(raw.fileno(), message) == len(message)
                    sent += 1
            await router.source.stop()
            assert len(router.env.events) == 1 + sent
            assert not os.path.exists(router.path)
            assert await peer.closed()

    run(check())


def test_permissions_and_an_old_socket(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "s"
        old = socket.socket(socket.AF_UNIX)
        old.bind(str(path))
        old.close()
        source = forward(unix_path=str(path), unix_perm="0622").open(Lent())
        await source.start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o622
        await source.stop()
        assert not path.exists()

    run(check())


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "s"
        path.write_text("precious")
        with pytest.raises(ConfigError, match="exists and is not a socket"):
            await forward(unix_path=str(path)).open(Lent()).start()
        assert path.read_text() == "precious"
        with pytest.raises(ConfigError, match="the folder must exist"):
            await forward(unix_path=str(tmp_path / "no" / "s")).open(Lent()).start()

    run(check())


def test_tcp_and_a_port_in_use() -> None:
    async def check() -> None:
        env = Lent("forward.0")
        source = ForwardSource(forward(listen="127.0.0.1", port=0), env)
        await source.start()
        assert source.server.address
        host, port = source.server.address
        peer = Peer(*await asyncio.open_connection(host, port))
        await peer.send(pack(["t", 1, {"n": 1}]))
        await env.until_events(1)
        with pytest.raises(ConfigError, match=f"forward.0 cannot listen on 127.0.0.1:{port}: address already in use"):
            await forward(listen="127.0.0.1", port=port).open(env).start()
        peer.close()
        await source.stop()

    run(check())


def digest(*parts: bytes) -> str:
    return sha512(b"".join(parts)).hexdigest()


async def shaken(router: Running, key: bytes, user: str = "", password: str = "") -> tuple[Peer, Any, bytes]:
    """A peer that has said PING, the PONG, and what the router's proof must be made of."""
    peer = await router.connect()
    helo, options = await peer.receive()
    assert helo == "HELO"
    nonce, auth = (options[k].encode("utf-8", "surrogateescape") for k in ("nonce", "auth"))
    ping = ["PING", "me", "salt", digest(b"saltme", nonce, key), user, digest(auth, user.encode(), password.encode())]
    await peer.send(pack(ping) + pack(["t", 1, {"n": 1}]))
    return peer, await peer.receive(), nonce


def test_a_shared_key_lets_in() -> None:
    async def check() -> None:
        async with running(shared_key="secret", self_hostname="router") as router:
            _, pong, nonce = await shaken(router, b"secret")
            assert pong == ["PONG", True, "", "router", digest(b"saltrouter", nonce, b"secret")]
            await router.env.until_events(1)

    run(check())


@pytest.mark.parametrize(
    ("key", "user", "password", "reason"),
    [
        (b"wrong", "u", "p", "shared_key mismatch"),
        (b"secret", "u", "wrong", "username/password mismatch"),
        (b"secret", "nobody", "", "username/password mismatch"),
    ],
)
def test_a_wrong_key_or_password_does_not(key: bytes, user: str, password: str, reason: str) -> None:
    async def check() -> None:
        async with running(shared_key="secret", security_users=[Pair("u", "p")]) as router:
            peer, pong, _ = await shaken(router, key, user, password)
            assert pong == ["PONG", False, reason, "", ""]
            assert await peer.closed()
            assert router.env.records == []
            assert router.env.counts == {"closed_connections": 1}
            assert "secret" not in str(router.env.said.lines)

    run(check())


def test_a_user_with_its_password_may_send() -> None:
    async def check() -> None:
        async with running(empty_shared_key=True, security_users=[Pair("u", "p")]) as router:
            _, pong, _ = await shaken(router, b"", "u", "p")
            assert pong[1] is True
            await router.env.until_events(1)

    run(check())


def test_records_before_the_handshake_are_not_taken() -> None:
    async def check() -> None:
        async with running(shared_key="secret") as router:
            peer = await router.connect()
            await peer.send(pack(["t", 1, {"n": 1}]))
            assert (await peer.receive())[0] == "HELO"
            assert await peer.closed()
            assert router.env.records == []

    run(check())


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"unix_path": "/s", "unix_perm": "rw"}, ["unix_perm"]),
        ({"unix_path": "/s", "unix_perm": "0999"}, ["unix_perm"]),
        ({"security_users": [Pair("a", "b")]}, ["security.users"]),
        ({"unix_path": "/s", "tls": True}, ["tls"]),
        ({"unix_path": "/s", "unix_perm": "666"}, []),
    ],
)
def test_wrong_combinations(options: dict[str, Any], wrong: list[str]) -> None:
    assert [option for option, _ in forward(**options).check()] == wrong


def test_tls_needs_a_certificate() -> None:
    with pytest.raises(ConfigError, match=r"tls\.crt_file is missing"):
        forward(tls=True).open(Lent())


def test_a_stranger_gets_little_time_and_room() -> None:
    async def check() -> None:
        async with running(shared_key="secret", net=ServerNet(accept_timeout=0.1)) as router:
            silent = await router.connect()
            assert (await silent.receive())[0] == "HELO"
            assert await silent.closed()
            assert "did not say in time" in str(router.env.said.lines)
        async with running(shared_key="secret") as router:
            loud = await router.connect()
            await loud.send(b"\xdb\x00\x10\x00\x00" + b"x" * 100_000)  # the beginning of a text of a MiB
            assert (await loud.receive())[0] == "HELO"
            assert await loud.closed()
            assert "larger than 65536 bytes" in str(router.env.said.lines)

    run(check())


def test_who_has_said_the_key_may_send_large_messages_at_once() -> None:
    async def check() -> None:
        async with running(shared_key="secret") as router:
            peer = await router.connect()
            _, options = await peer.receive()
            nonce = options["nonce"].encode("utf-8", "surrogateescape")
            ping = ["PING", "me", "salt", digest(b"saltme", nonce, b"secret"), "", ""]
            await peer.send(pack(ping) + pack(["t", 1, {"n": "x" * 1_000_000}]))
            await router.env.until_events(1)

    run(check())


def test_a_bomb_of_many_small_members_takes_no_time() -> None:
    async def check() -> None:
        async with running() as router:
            peer = await router.connect()
            begun = time.monotonic()
            await peer.send(pack(["t", gzip.compress(b"", mtime=0) * 250_000, {"compressed": "gzip"}]))
            await peer.send(pack(["t", 1, {"n": 1}]))
            await router.env.until_events(1)
            assert time.monotonic() - begun < 20  # it was minutes once

    run(check())


@pytest.mark.parametrize("mode", ["forward", "packed", "gzip", "message", "many"])
def test_what_would_fill_the_memory_is_refused_alone(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps and arrays of one byte each take a hundred times that once they are decoded."""
    monkeypatch.setattr(frames, "MOST_CONTAINERS", 1000)
    entries = pack([1, {}]) * 600
    bad = {
        "forward": b"\x92\xa1t\xdc" + (600).to_bytes(2, "big") + entries,
        "packed": pack(["t", entries]),
        "gzip": pack(["t", gzip.compress(entries), {"compressed": "gzip"}]),
        "message": pack(["t", 1, {"a": [[]] * 1200}]),
        "many": b"",
    }[mode]
    good = pack(["t", 1, {"n": 1, "text": "\u00e9" * 2000, "more": [[1]] * 400}])
    # read one by one when there are many of them, and none of them is too much
    many = pack(["t", 2, {"m": [[]] * 100}]) * (30 if mode == "many" else 0)

    async def check() -> None:
        async with running() as router:
            peer = await router.connect()
            await peer.send(bad + good + many)
            await router.env.until_events(31 if mode == "many" else 1)
            assert router.env.counts.get("refused_records", 0) == (0 if mode == "many" else 1)
            assert router.env.records[0]["n"] == 1

    run(check())


def test_a_clock_that_is_set_back_silences_nothing() -> None:
    env = Lent()
    env.time = 10**18
    refuse = Refusals(env)
    for _ in range(3):
        refuse("it is odd")
    env.time -= 10**15
    refuse("it is odd")
    assert [fields.get("since_last") for _, _, fields in env.said.lines] == [None, 2]
