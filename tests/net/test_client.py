import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pyrolens.net import Client, NetError
from pyrolens.net.connect import Place
from pyrolens.net.proxy import Proxy
from pyrolens.plugin import Net, Tls
from pyrolens.problems import ConfigError
from tests.net.certificates import make
from tests.net.servers import Request, answer, serving


def place(port: int, **net: Any) -> Place:
    return Place("127.0.0.1", port, Net(**net))


def ok(request: Request) -> bytes:
    return answer()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On both event loops: the router's, and Python's own."""
    for factory in (uvloop.new_event_loop, asyncio.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(test(), 60))


def test_a_connection_serves_one_request_after_the_other() -> None:
    async def test() -> None:
        async with serving(ok) as server:
            client = Client(place(server.port))
            for n in range(3):
                got = await client.request("POST", f"/{n}", [("X-N", str(n))], b"body")
                assert (got.status, got.body) == (200, b"ok")
            await client.close()
        assert [(r.target, r.body, r.connection) for r in server.requests] == [
            ("/0", b"body", 0),
            ("/1", b"body", 0),
            ("/2", b"body", 0),
        ]
        assert server.requests[0].lines == [
            f"Host: 127.0.0.1:{server.port}",
            "X-N: 0",
            "Content-Length: 4",
            "Connection: keep-alive",
        ]

    run(test)


def test_requests_at_the_same_time_have_their_own_connections() -> None:
    async def test() -> None:
        async with serving(ok) as server:
            client = Client(place(server.port))
            await asyncio.gather(*(client.request("GET", "/") for _ in range(3)))
            await asyncio.gather(*(client.request("GET", "/") for _ in range(3)))
            await client.close()
        assert server.connections == 3

    run(test)


@pytest.mark.parametrize("net", [{"keepalive": False}, {"keepalive_max_recycle": 1}])
def test_connections_that_are_used_once(net: dict[str, Any]) -> None:
    async def test() -> None:
        async with serving(ok) as server:
            client = Client(place(server.port, **net))
            for _ in range(2):
                await client.request("GET", "/")
            await client.close()
        assert [r.connection for r in server.requests] == [0, 1]

    run(test)


def test_idle_connections_are_closed() -> None:
    async def test() -> None:
        async with serving(ok) as server:
            client = Client(place(server.port, keepalive_idle_timeout=0.05))
            await client.request("GET", "/")
            while not server.closed:
                await asyncio.sleep(0.01)
            await client.request("GET", "/")
            await client.close()
        assert server.connections == 2

    run(test)


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    async def test() -> None:
        async with serving(ok) as server:
            client = Client(place(server.port))
            await client.request("GET", "/")
            server.writers[0].close()
            while not server.closed:
                await asyncio.sleep(0.01)
            assert (await client.request("GET", "/")).status == 200
            await client.close()

    run(test)


def test_a_used_connection_closed_without_an_answer() -> None:
    """Only a client that may send twice does so."""

    async def test(again: bool) -> int:
        async with serving(lambda r: None if len(server.requests) == 2 else answer()) as server:
            client = Client(place(server.port), again_when_closed=again)
            await client.request("POST", "/", (), b"first")
            if again:
                await client.request("POST", "/", (), b"second")
            else:
                with pytest.raises(NetError, match="connection closed without an answer"):
                    await client.request("POST", "/", (), b"second")
            await client.close()
            return len(server.requests)

    assert asyncio.run(test(True)) == 3
    assert asyncio.run(test(False)) == 2


def test_a_big_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000

    async def test() -> None:
        async with serving(ok) as server:
            client = Client(place(server.port))
            await client.request("POST", "/", (), body)
            await client.request("POST", "/", (), body)
            await client.close()
        assert [r.body == body for r in server.requests] == [True, True]
        assert server.connections == 1

    run(test)


def test_no_answer_in_time() -> None:
    async def test() -> None:
        async with serving(ok) as server:
            held = asyncio.Event()

            async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await held.wait()
                writer.close()

            server_task = await asyncio.start_server(wait, "127.0.0.1", 0)
            port = server_task.sockets[0].getsockname()[1]
            with pytest.raises(NetError, match=rf"^127.0.0.1:{port}: no answer in 0.05 seconds$"):
                await Client(place(port)).request("GET", "/", timeout=0.05)
            with pytest.raises(NetError, match=rf"^127.0.0.1:{port}: nothing moved for 0.05 seconds$"):
                await Client(place(port, io_timeout=0.05)).request("GET", "/")
            held.set()
            server_task.close()
            assert server.requests == []

    run(test)


def test_the_reasons_of_failures_are_for_people() -> None:
    async def test() -> None:
        async with serving(
            lambda r: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nshort"
        ) as server:
            port = server.port
            with pytest.raises(NetError, match="is not HTTP"):
                async with serving(lambda r: b"SSH-2.0\r\n\r\n") as other:
                    await Client(place(other.port)).request("GET", "/")
            request = asyncio.create_task(Client(place(port)).request("GET", "/"))
            while not server.requests:
                await asyncio.sleep(0.01)
            server.writers[0].close()
            with pytest.raises(NetError, match="connection closed in the middle of an answer"):
                await request
        with pytest.raises(NetError, match=rf"^127.0.0.1:{port}: connection refused$"):
            await Client(place(port)).request("GET", "/")
        with pytest.raises(NetError, match="the name cannot be resolved"):
            await Client(Place("no-such-host.invalid", 80)).request("GET", "/")

    run(test)


def test_a_plain_proxy_gets_the_whole_url() -> None:
    async def test() -> None:
        async with serving(ok) as proxy:
            client = Client(place(proxy.port), target_prefix="http://far.example:81")
            await client.request("POST", "/in", [("Host", "far.example:81")])
            await client.close()
        assert (proxy.requests[0].target, proxy.requests[0].headers["host"]) == (
            "http://far.example:81/in",
            "far.example:81",
        )

    run(test)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make(folder, ["right.example", "127.0.0.1"])
    return folder


def secured(folder: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return made


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        ({"ca_file": "ca.pem"}, None),
        ({"ca_file": "ca.pem", "verify_hostname": True}, None),
        ({"ca_file": "ca.pem", "verify_hostname": True, "vhost": "right.example"}, None),
        ({"ca_file": "ca.pem", "vhost": "wrong.example"}, None),
        (
            {"ca_file": "ca.pem", "verify_hostname": True, "vhost": "wrong.example"},
            "certificate refused: Hostname mismatch",
        ),
        ({}, "certificate refused: unable to get local issuer certificate"),
        ({"verify": False}, None),
        ({"ca_file": "ca.pem", "min_version": "TLSv1.2", "max_version": "tlsv1.2"}, None),
    ],
)
def test_tls(certificates: Path, tls: dict[str, Any], reason: str | None) -> None:
    options: dict[str, Any] = {k: str(certificates / v) if k == "ca_file" else v for k, v in tls.items()}

    async def test() -> None:
        async with serving(ok, secured(certificates)) as server:
            client = Client(Place("127.0.0.1", server.port, Net(), Tls(**options)))
            if reason:
                with pytest.raises(NetError, match=reason):
                    await client.request("GET", "/")
            else:
                assert (await client.request("POST", "/", (), b"x" * 600_000)).status == 200
            await client.close()

    run(test)


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        ({"ca_file": "/nowhere"}, "tls.ca_file '/nowhere' cannot be used: No such file"),
        ({"crt_file": "/nowhere"}, "tls.crt_file '/nowhere' and its key cannot be used: No such file"),
        ({"min_version": "SSLv3"}, "tls.min_version is 'SSLv3': expected"),
        ({"ciphers": "NONSENSE"}, "tls.ciphers is 'NONSENSE'"),
    ],
)
def test_tls_options_that_cannot_be(tls: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Client(Place("h", 443, Net(), Tls(**tls)))


@pytest.mark.parametrize("with_tls", [False, True])
def test_a_tunnel_through_a_proxy(certificates: Path, with_tls: bool) -> None:
    tls = Tls(ca_file=str(certificates / "ca.pem"), verify_hostname=True) if with_tls else None

    async def test() -> None:
        async with serving(ok) as proxy, serving(ok, secured(certificates) if with_tls else None) as server:
            through = Proxy("127.0.0.1", proxy.port, False, "Basic eA==")
            client = Client(Place("127.0.0.1", server.port, Net(), tls, through))
            for _ in range(2):
                assert (await client.request("POST", "/x", (), b"b")).status == 200
            await client.close()
        assert [(r.method, r.target, r.headers["proxy-authorization"]) for r in proxy.requests] == [
            ("CONNECT", f"127.0.0.1:{server.port}", "Basic eA==")
        ]
        assert [r.target for r in server.requests] == ["/x", "/x"]

    run(test)


def test_a_proxy_that_refuses() -> None:
    async def test() -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(407, b"no"))
            writer.close()

        listening = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        client = Client(Place("far.example", 443, Net(), None, Proxy("127.0.0.1", port)))
        with pytest.raises(NetError, match=rf"^proxy 127.0.0.1:{port} refuses far.example:443: HTTP 407$"):
            await client.request("GET", "/")
        listening.close()

    run(test)
