"""What is the same for all inputs that listen: TLS, idle connections, how many there may be."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pyrolens.inputs._payload import Payload
from pyrolens.inputs._server import ServerNet, most_connections
from pyrolens.inputs._tls import ServerTls
from pyrolens.inputs.tcp import Tcp, TcpSource
from tests.inputs.lent import Lent
from tests.net import certificates

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """The router's own loop is uvloop's."""
    made: Run = request.param
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    certificates.make(made, ["localhost", "127.0.0.1"])
    return made


async def listening(env: Lent, **options: Any) -> tuple[TcpSource, tuple[str, int]]:
    source = TcpSource(Tcp(listen="127.0.0.1", port=0, payload=Payload(format="none"), **options), env)
    await source.start()
    assert source.server.address
    return source, source.server.address


def secured(folder: Path, **more: Any) -> dict[str, Any]:
    files = {"crt_file": str(folder / "cert.pem"), "key_file": str(folder / "key.pem")}
    return {"tls": True, "tls_options": ServerTls(**{**files, **more})}


def said(env: Lent) -> list[Any]:
    """The reasons of closed connections."""
    return [fields["reason"] for _, event, fields in env.said.lines if event == "closed a connection"]


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "ca.pem"))


def client(address: tuple[str, int], context: ssl.SSLContext, data: bytes) -> None:
    """asyncio's clients close without the alert that says why."""
    with socket.create_connection(address) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
        secure.sendall(data)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until the other side has closed."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


def test_data_that_comes_with_the_end_of_the_handshake(folder: Path, run: Run) -> None:
    async def check() -> None:
        env = Lent("tcp.0")
        source, address = await listening(env, **secured(folder))
        context = trusting(folder)
        await asyncio.gather(*(asyncio.to_thread(client, address, context, b"%d\n" % n * 100) for n in range(10)))
        await env.until_events(1000)
        await env.until(lambda: not source.server.connections)
        await source.stop()
        assert sorted(int(r["log"]) for r in env.records) == [n for n in range(10) for _ in range(100)]
        assert env.counts == {}

    run(check())


def test_a_handshake_that_fails_is_told(folder: Path, run: Run) -> None:
    async def check() -> None:
        env = Lent("tcp.0")
        source, address = await listening(env, **secured(folder))
        _, writer = await asyncio.open_connection(*address)
        writer.write(b"this is no TLS\n")
        await env.until(lambda: env.counts.get("closed_connections") == 1)
        writer.close()
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(client, address, ssl.create_default_context(), b"")
        await env.until(lambda: env.counts.get("closed_connections") == 2)
        await source.stop()
        first, second = said(env)
        assert first == "no TLS handshake: wrong version number"
        assert "unknown ca" in second
        assert env.records == []

    run(check())


def test_a_client_without_the_certificate_that_is_asked_for(folder: Path, run: Run) -> None:
    async def check() -> None:
        env = Lent("tcp.0")
        must = secured(folder, verify_client_cert=True, ca_file=str(folder / "ca.pem"))
        source, address = await listening(env, **must)
        _, writer = await asyncio.open_connection(*address, ssl=trusting(folder))
        await env.until(lambda: env.counts.get("closed_connections") == 1)
        assert said(env) == ["no TLS handshake: peer did not return a certificate"]
        writer.transport.abort()
        await source.stop()

    run(check())


@pytest.mark.parametrize(("verify", "shows", "let_in"), [(True, True, False), (True, False, True), (False, True, True)])
def test_a_certificate_that_a_client_shows_is_checked(
    folder: Path, tmp_path: Path, run: Run, verify: bool, shows: bool, let_in: bool
) -> None:
    certificates.make(tmp_path, ["stranger"])

    async def check() -> None:
        env = Lent("tcp.0")
        may = secured(folder, verify=verify, ca_file=str(folder / "ca.pem"))
        source, address = await listening(env, **may)
        context = trusting(folder)
        if shows:
            context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        _, writer = await asyncio.open_connection(*address, ssl=context)
        writer.write(b"x\n")
        await env.until(lambda: bool(env.records if let_in else env.counts))
        assert bool(env.records) is let_in
        assert [reason for reason in said(env) if "certificate" in reason] == said(env)
        writer.transport.abort()
        await source.stop()

    run(check())


@pytest.mark.parametrize("logged", [True, False])
def test_a_handshake_that_takes_too_long(folder: Path, run: Run, logged: bool) -> None:
    async def check() -> None:
        env = Lent("tcp.0")
        net = ServerNet(accept_timeout=0.05, accept_timeout_log_error=logged)
        source, address = await listening(env, net=net, **secured(folder))
        reader, _ = await asyncio.open_connection(*address)
        assert await ended(reader)
        await env.until(lambda: env.counts.get("closed_connections") == 1)
        assert said(env) == (["no TLS handshake within 0.05 s"] if logged else [])
        await asyncio.open_connection(*address)  # the stop does not wait for it
        await source.stop()

    run(check())


def test_who_only_looks_whether_the_port_is_open_is_not_told(folder: Path) -> None:
    """uvloop lets go of what has ended; asyncio's own loop leaves it to the collector."""

    async def check() -> None:
        env = Lent("tcp.0")
        source, address = await listening(env, net=ServerNet(accept_timeout=0.05), **secured(folder))
        _, writer = await asyncio.open_connection(*address)
        await env.until(lambda: len(source.server.handshakes) == 1)
        writer.close()
        await env.until(lambda: not source.server.handshakes)
        await asyncio.sleep(0.1)
        assert env.counts == {}
        await source.stop()

    uvloop.run(check())


def test_idle_connections_are_closed(run: Run) -> None:
    async def check() -> None:
        env = Lent("tcp.0")
        source, address = await listening(env, net=ServerNet(io_timeout=0.1))
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"x\n")
        assert await reader.read() == b""
        assert env.records == [{"log": "x"}]
        assert said(env) == ["nothing came for 0.1 s (net.io_timeout)"]
        await source.stop()

    run(check())


def test_while_paused_no_connection_is_idle(run: Run) -> None:
    async def check() -> None:
        env = Lent("tcp.0")
        source, address = await listening(env, net=ServerNet(io_timeout=0.1))
        reader, writer = await asyncio.open_connection(*address)
        await env.until(lambda: bool(source.server.connections))
        source.pause()
        writer.write(b"x\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.3)
        source.resume()
        await env.until_events(1)
        await source.stop()

    run(check())


def test_one_connection_too_many(run: Run) -> None:
    async def check() -> None:
        env = Lent("tcp.0")
        source, address = await listening(env)
        source.server.most = 2
        kept = [await asyncio.open_connection(*address) for _ in range(2)]
        await env.until(lambda: source.peers == 2)
        reader, _ = await asyncio.open_connection(*address)
        assert await ended(reader)
        assert said(env) == ["there are 2 connections already"]
        for _, writer in kept:
            writer.write(b"x\n")
        await env.until_events(2)
        await source.stop()

    run(check())


def test_files_are_left_for_the_rest() -> None:
    assert most_connections() >= 16


def test_a_port_may_be_shared(run: Run) -> None:
    async def check() -> None:
        first, address = await listening(Lent(), net=ServerNet(share_port=True))
        second = TcpSource(Tcp(listen="127.0.0.1", port=address[1], net=ServerNet(share_port=True)), Lent())
        await second.start()
        await first.stop()
        await second.stop()

    run(check())


def test_resuming_stops_where_the_buffer_is_full_again(run: Run) -> None:
    """Data that waited may fill the buffer while the connections are being resumed."""

    async def check() -> None:
        env = Lent("tcp.0")
        source, address = await listening(env)
        writers = [(await asyncio.open_connection(*address))[1] for _ in range(3)]
        await env.until(lambda: len(source.server.connections) == 3)
        source.pause()
        first, *rest = source.server.connections
        first.resume = source.server.pause  # type: ignore[method-assign]
        source.resume()
        assert source.server.paused
        assert all(not c.transport.is_reading() for c in rest)
        await source.stop()
        assert len(writers) == 3

    run(check())
