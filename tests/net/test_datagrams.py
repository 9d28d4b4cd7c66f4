import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from pyrolens.net.datagrams import Datagrams, Sent
from pyrolens.plugin import Net
from tests.net.receivers import datagrams, received


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On both event loops: the router's, and Python's own."""
    for factory in (uvloop.new_event_loop, asyncio.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(test(), 60))


def test_messages_of_one_datagram_and_of_several() -> None:
    async def test() -> None:
        with datagrams() as sock:
            target = Datagrams("localhost", sock.getsockname()[1], Net(prefer_ipv4=True, source_address="127.0.0.1"))
            assert await target.send([[b"one"], [b"two", b"three"]]) == Sent()
            target.close()
            assert received(sock) == [b"one", b"two", b"three"]

    run(test)


def test_only_what_is_too_large_stays() -> None:
    async def test() -> None:
        with datagrams() as sock:
            target = Datagrams("127.0.0.1", sock.getsockname()[1], Net())
            assert await target.send([[b"one"], [b"x" * 65_508], [b"y" * 65_507]]) == Sent(too_large=[1])
            assert received(sock) == [b"one", b"y" * 65_507]
            target.close()

    run(test)


def test_only_what_was_refused_goes_again() -> None:
    async def test() -> None:
        with datagrams() as sock:
            port = sock.getsockname()[1]
            target = Datagrams("127.0.0.1", port, Net())
            assert await target.send([[b"one"]]) == Sent()
            assert received(sock) == [b"one"]
        refused = f"127.0.0.1:{port}: nobody listens"
        # the kernel refuses the first at once, and says so when the second is sent
        assert await target.send([[b"two"], [b"three"], [b"four"]]) == Sent([0, 1, 2], refused)
        assert await target.send([[b"two"]]) == Sent([0], refused)
        target.close()

    run(test)


def test_from_elsewhere_a_refusal_may_be_about_any() -> None:
    async def test() -> None:
        with datagrams() as sock:
            target = Datagrams("127.0.0.1", sock.getsockname()[1], Net())
        await target.send([])
        target._nearby = False
        assert (await target.send([[b"1"], [b"2"], [b"3"]])).again == [0, 1, 2]

    run(test)


def test_a_name_that_does_not_exist() -> None:
    async def test() -> None:
        sent = await Datagrams("no-such-host.invalid", 1, Net()).send([[b"x"], [b"y"]])
        assert (sent.again, sent.too_large) == ([0, 1], [])
        assert sent.reason.startswith("no-such-host.invalid: the name cannot be resolved")

    run(test)


def test_a_unix_socket(tmp_path: Path) -> None:
    async def test() -> None:
        path = str(tmp_path / "log")
        target = Datagrams("", 0, Net(), path)
        assert await target.send([[b"zero"]]) == Sent([0], f"{path}: no such file or directory")
        with datagrams(path) as sock:
            assert await target.send([[b"one"], [b"two"]]) == Sent()
            assert received(sock) == [b"one", b"two"]
        assert await target.send([[b"three"], [b"four"]]) == Sent([0, 1], f"{path}: nobody listens")
        (tmp_path / "log").unlink()

    run(test)


def test_a_full_socket_is_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        path = str(tmp_path / "log")
        with datagrams(path) as sock:
            target = Datagrams("", 0, Net(), path)
            messages = [[b"%d" % n] for n in range(2000)]
            sending = asyncio.ensure_future(target.send(messages))
            got: list[bytes] = []
            while not sending.done():
                await asyncio.sleep(0)
                got += received(sock)
            assert await sending == Sent()
            assert [*got, *received(sock)] == [m for (m,) in messages]
            target.close()
        (tmp_path / "log").unlink()

    run(test)


def test_the_name_is_looked_up_again(monkeypatch: Any) -> None:
    async def test() -> None:
        with datagrams() as first, datagrams() as second:
            target = Datagrams("127.0.0.1", first.getsockname()[1], Net())
            await target.send([[b"one"]])
            target.port = second.getsockname()[1]
            await target.send([[b"two"]])
            monkeypatch.setattr("pyrolens.net.datagrams.RESOLVE_SECONDS", 0.0)
            await target.send([[b"three"]])
            monkeypatch.undo()
            assert (received(first), received(second)) == ([b"one", b"two"], [b"three"])
            target.close()

    run(test)
