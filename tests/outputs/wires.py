"""How tests send with outputs of protocols without answers."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

from pyrolens.api import Event, Outcome, Output
from tests.net.certificates import make
from tests.net.receivers import datagrams, received, receiving
from tests.outputs.sending import Env, chunks


def secure(folder: Path) -> ssl.SSLContext:
    """What a server needs; ca.pem is in the folder."""
    make(folder, ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def deliver(output: Output, batches: tuple[list[Event], ...], env: Env | None, tag: str) -> list[Outcome]:
    sink = output.open(env or Env())
    await sink.start()
    outcomes = [await sink.deliver(chunk) for chunk in chunks(sink, [(tag, batch) for batch in batches])]
    await sink.close()
    await sink.close()
    return outcomes


def streamed(
    make_output: Callable[[int], Output],
    *batches: list[Event],
    env: Env | None = None,
    tag: str = "web.app",
    tls: ssl.SSLContext | None = None,
) -> tuple[list[Outcome], bytes]:
    """The outcome of each chunk, and what came over the connection. make_output: port -> the output."""

    async def run() -> tuple[list[Outcome], bytes]:
        async with receiving(tls=tls) as receiver:
            outcomes = await deliver(make_output(receiver.port), batches, env, tag)
            return outcomes, await receiver.connection(0)

    return asyncio.run(asyncio.wait_for(run(), 60))


def dropped(
    make_output: Callable[[int], Output],
    *batches: list[Event],
    env: Env | None = None,
    tag: str = "web.app",
    path: str | None = None,
) -> tuple[list[Outcome], list[bytes]]:
    """The outcome of each chunk, and the datagrams that came."""
    with datagrams(path) as sock:
        port = 0 if path else sock.getsockname()[1]
        outcomes = asyncio.run(asyncio.wait_for(deliver(make_output(port), batches, env, tag), 60))
        return outcomes, received(sock)


def refused(make_output: Callable[[int], Output], *batches: list[Event]) -> list[Outcome]:
    """The outcome of each chunk where nobody listens."""
    with datagrams() as sock:
        port = sock.getsockname()[1]
    return asyncio.run(asyncio.wait_for(deliver(make_output(port), batches, None, "web.app"), 60))
