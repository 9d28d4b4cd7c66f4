"""Whether a server answers."""

import asyncio
from typing import Any

import pytest

from pyrolens.api import Tls
from pyrolens.inputs.health import Health
from tests.inputs.lent import Lent, run
from tests.inputs.looking import QUICK


async def server() -> asyncio.Server:
    return await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)


def test_one_that_goes_and_comes_back() -> None:
    async def check() -> None:
        env = Lent()
        listening = await server()
        port = listening.sockets[0].getsockname()[1]
        source = Health(host="127.0.0.1", port=port, add_host=True, add_port=True, every=QUICK).open(env)
        await source.start()
        await env.until_events(2)
        assert env.records[0] == {"alive": True, "hostname": "127.0.0.1", "port": port}
        assert list(env.records[0]) == ["alive", "hostname", "port"]
        listening.close()
        await listening.wait_closed()
        await env.until(lambda: not env.records[-1]["alive"])
        listening = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", port)
        await env.until(lambda: bool(env.records[-1]["alive"]))
        await source.stop()
        listening.close()

    run(check())


def test_only_while_it_does_not_answer() -> None:
    async def check() -> None:
        env, other = Lent(), Lent()
        listening = await server()
        port = listening.sockets[0].getsockname()[1]
        source = Health(host="127.0.0.1", port=port, alert=True, every=QUICK).open(env)
        seen = Health(host="127.0.0.1", port=port, every=QUICK).open(other)
        await source.start()
        await seen.start()
        await other.until_events(5)
        assert env.records == []
        listening.close()
        await listening.wait_closed()
        await env.until_events(1)
        assert env.records[0] == {"alive": False}
        await source.stop()
        await seen.stop()

    run(check())


@pytest.mark.parametrize("options", [{"host": "127.0.0.1"}, {"host": "nosuch.invalid", "port": 80}])
def test_what_is_not_there(options: dict[str, Any]) -> None:
    """As recorded from Fluent Bit, of which a Port is not asked either."""

    async def check() -> None:
        env = Lent()
        source = Health(**options, every=QUICK).open(env)
        await source.start()
        await env.until_events(1)
        assert env.records[0] == {"alive": False}
        await source.stop()

    run(check())


def test_a_server_that_does_not_speak_tls() -> None:
    async def check() -> None:
        env = Lent()
        listening = await server()
        port = listening.sockets[0].getsockname()[1]
        source = Health(host="127.0.0.1", port=port, tls_on=True, tls=Tls(verify=False), every=QUICK).open(env)
        await source.start()
        await env.until_events(1)
        assert env.records[0] == {"alive": False}
        await source.stop()
        listening.close()

    run(check())
