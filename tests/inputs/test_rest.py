"""Peers that send little are read seldom, and nobody waits for long or for nothing."""

import asyncio
import socket

import pytest

from pyrolens.inputs import _rest
from tests.inputs.lent import run
from tests.inputs.test_forward import Running, pack, running

LINE = pack(["t", 1, {"log": "x" * 50}, {}])
LINES = 200


async def drip(router: Running, peer: socket.socket, lines: int = LINES) -> int:
    """Send lines one by one, and give the router turns of the loop to read each. How many batches they became."""
    before = len(router.env.batches)
    for _ in range(lines):
        peer.sendall(LINE)
        for _ in range(3):
            await asyncio.sleep(0)
    await router.env.until_events(lines)
    return len(router.env.batches) - before


def connected(router: Running) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(router.path)
    return peer


def test_a_peer_that_sends_little_is_read_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    async def batches() -> int:
        async with running() as router:
            with connected(router) as peer:
                return await drip(router, peer)

    async def check() -> None:
        seldom = await batches()
        monkeypatch.setattr(_rest, "SHORTEST", 1000.0)  # no moment is as long as that
        assert seldom < await batches() / 4

    run(check())


def test_a_single_line_is_read_at_once() -> None:
    async def check() -> None:
        async with running() as router:
            with connected(router) as peer:
                peer.sendall(LINE)
                # by turns of the loop and not by a clock
                for _ in range(20):
                    await asyncio.sleep(0)
                assert router.env.batches

    run(check())


def test_much_is_read_all_the_time() -> None:
    async def check() -> None:
        async with running() as router:
            with connected(router) as peer:
                peer.setblocking(False)
                many = LINE * (4 * _rest.MUCH // len(LINE))
                await asyncio.get_running_loop().sock_sendall(peer, many)
                await router.env.until_events(len(many) // len(LINE))
                (connection,) = router.source.server.connections
                assert connection.rest.moment <= _rest.SHORTEST  # type: ignore[attr-defined]

    run(check())


def test_who_waits_for_an_answer_is_not_left_alone() -> None:
    async def check() -> None:
        async with running() as router:
            peer = await router.connect()
            for number in range(20):
                await peer.send(pack(["t", 1, {"log": "x"}, {"chunk": str(number)}]))
                assert await peer.receive() == {"ack": str(number)}
            (connection,) = router.source.server.connections
            assert connection.rest.moment == 0  # type: ignore[attr-defined]

    run(check())


def test_the_end_of_a_moment_does_not_end_a_pause() -> None:
    async def check() -> None:
        async with running() as router:
            with connected(router) as peer:
                await drip(router, peer, 20)
                router.source.pause()
                peer.sendall(LINE)
                await asyncio.sleep(2 * _rest.LONGEST)
                assert len(router.env.events) == 20
                router.source.resume()
                await router.env.until_events(21)

    run(check())


def test_a_stop_reads_what_came_within_a_moment() -> None:
    async def check() -> None:
        async with running() as router:
            with connected(router) as peer:
                await drip(router, peer, 50)
                peer.sendall(LINE * 3)
                await router.source.stop()
                assert len(router.env.events) == 53

    run(check())


def test_a_moment_is_short_beside_the_flush() -> None:
    assert _rest.Rest(5.0).longest == _rest.LONGEST
    assert _rest.Rest(0.2).longest == pytest.approx(0.02)


def test_moments_double_while_little_comes_and_are_halved_when_more_does() -> None:
    async def check() -> None:
        async with running() as router:
            with connected(router) as peer:
                await drip(router, peer, 1)
                (connection,) = router.source.server.connections
                rest, loop = _rest.Rest(1.0), asyncio.get_running_loop()
                moments = []
                for size in (1, 1, 1, _rest.LITTLE, _rest.LITTLE, _rest.LITTLE, 1, _rest.MUCH):
                    rest.after(size, connection.transport, loop)
                    moments.append(rest.moment / _rest.SHORTEST)
                    rest.end()
                connection.transport.resume_reading()
                assert moments == [1, 2, 4, 2, 1, 0, 1, 0]

    run(check())
