import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pyrolens.net.connect import Place
from pyrolens.net.errors import NetError
from pyrolens.net.stream import Streams
from pyrolens.plugin import Net, Tls
from tests.net.certificates import make
from tests.net.receivers import receiving

BIG = b"0123456789abcdef" * 512 * 1024
"""More than the kernel keeps for a connection."""


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On both event loops: the router's, and Python's own."""
    for factory in (uvloop.new_event_loop, asyncio.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(test(), 60))


def streams(port: int, tls: Tls | None = None, **net: Any) -> Streams:
    return Streams(Place("127.0.0.1", port, Net(**net), tls))


def test_one_connection_after_the_other_is_used_again() -> None:
    async def test() -> None:
        async with receiving() as receiver:
            sender = streams(receiver.port)
            for _ in range(3):
                await sender.send(b"line\n")
            await sender.close()
            assert await receiver.connection(0) == b"line\nline\nline\n"
            assert receiver.count == 1

    run(test)


@pytest.mark.parametrize(("net", "count"), [({"keepalive": False}, 4), ({"keepalive_max_recycle": 2}, 2)])
def test_connections_that_are_not_kept(net: dict[str, Any], count: int) -> None:
    async def test() -> None:
        async with receiving() as receiver:
            sender = streams(receiver.port, **net)
            for _ in range(4):
                await sender.send(b"line\n")
            await sender.close()
            got = [await receiver.connection(n) for n in range(count)]
            assert got == [b"line\n" * (4 // count)] * count
            assert receiver.count == count

    run(test)


def test_calls_at_the_same_time_do_not_mix() -> None:
    async def test() -> None:
        async with receiving() as receiver:
            sender = streams(receiver.port)
            await asyncio.gather(sender.send(b"a" * 300_000), sender.send(b"b" * 300_000))
            await sender.close()
            got = [await receiver.connection(n) for n in range(2)]
            assert sorted(got) == [b"a" * 300_000, b"b" * 300_000]

    run(test)


def test_an_idle_connection_closes_itself() -> None:
    async def test() -> None:
        async with receiving() as receiver:
            sender = streams(receiver.port, keepalive_idle_timeout=0.01)
            await sender.send(b"line\n")
            assert await receiver.connection(0) == b"line\n"
            await sender.close()

    run(test)


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    async def test() -> None:
        async with receiving(until=5) as receiver:
            sender = streams(receiver.port)
            for _ in range(3):
                await sender.send(b"line\n")
                assert await receiver.connection(receiver.count - 1) == b"line\n"
                while sender._idle and sender._idle[0].usable:
                    await asyncio.sleep(0)  # until the event loop has seen the end
            await sender.close()
            assert receiver.count == 3

    run(test)


def test_more_than_the_kernel_keeps() -> None:
    async def test() -> None:
        async with receiving() as receiver:
            sender = streams(receiver.port)
            await sender.send(BIG)
            await sender.close()
            assert await receiver.connection(0) == BIG

    run(test)


def secure(folder: Path) -> tuple[Tls, ssl.SSLContext]:
    """Options, and what a server needs."""
    make(folder, ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return Tls(ca_file=str(folder / "ca.pem"), verify_hostname=True), context


def test_over_tls(tmp_path: Path) -> None:
    options, context = secure(tmp_path)

    async def test() -> None:
        async with receiving(tls=context) as receiver:
            sender = streams(receiver.port, options)
            await sender.send(BIG)
            await sender.send(b"end")
            await sender.close()
            assert await receiver.connection(0) == BIG + b"end"

    run(test)


def test_nobody_listens() -> None:
    async def test() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with pytest.raises(NetError, match=f"^127.0.0.1:{port}: connection refused$"):
                await streams(port).send(b"x")

    run(test)


def test_a_port_connected_with_itself_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def from_the_same_port(*args: Any, **options: Any) -> Any:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", port))
            return await connect(args[0], sock=sock)

        monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", lambda _, *a, **o: from_the_same_port(*a, **o))
        with pytest.raises(NetError, match=r"connection refused$"):
            await streams(port).send(b"x")
        monkeypatch.undo()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(asyncio.wait_for(test(), 60))


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_reset_in_the_middle(over_tls: bool, tmp_path: Path) -> None:
    options, context = secure(tmp_path)

    async def test() -> None:
        async with receiving(until=1000, reset=True, tls=context if over_tls else None) as receiver:
            sender = streams(receiver.port, options if over_tls else None)
            with pytest.raises(NetError, match=f"^127.0.0.1:{receiver.port}: .*(reset|closed)"):
                await sender.send(BIG)
            await sender.close()

    run(test)


def test_a_server_that_stops_reading() -> None:
    async def test() -> None:
        async with receiving(until=0) as receiver:
            sender = streams(receiver.port, io_timeout=0.1)
            with pytest.raises(NetError, match=r"takes nothing for 0\.1 seconds"):
                await sender.send(BIG)
            receiver.release.set()

    run(test)


def test_a_slow_server_is_waited_for() -> None:
    async def test() -> None:
        async with receiving(until=0) as receiver:
            sender = streams(receiver.port)
            sending = asyncio.ensure_future(sender.send(BIG))
            await receiver.accepted.wait()
            assert not sending.done()
            receiver.until = None
            receiver.release.set()
            await sending
            await sender.close()
            assert await receiver.connection(0) == BIG

    run(test)
