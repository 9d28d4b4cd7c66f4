"""Writing to standard output without ever stopping the router when nobody reads it."""

import asyncio
import os
import select
import stat
import weakref

PIECE = 4096
"""Bytes that a pipe which is ready takes without waiting (PIPE_BUF)."""

_turns: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]" = weakref.WeakKeyDictionary()


async def write_out(data: bytes, fd: int = 1) -> None:
    """Write all of it, in one piece among other writers of this process. Raises: OSError when it is closed.

    The descriptor is shared with others, so it is not made non-blocking: we write only when it is ready, and
    then no more than it takes."""
    loop = asyncio.get_running_loop()
    async with _turns.setdefault(loop, asyncio.Lock()):
        piece = len(data) if stat.S_ISREG(os.fstat(fd).st_mode) else PIECE
        ready = select.poll()
        ready.register(fd, select.POLLOUT)
        view = memoryview(data)
        while view:
            if not ready.poll(0):
                await _until_ready(loop, fd)
                continue
            view = view[os.write(fd, view[:piece]) :]


async def _until_ready(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    ready: asyncio.Future[None] = loop.create_future()

    def go() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(fd, go)
    try:
        await ready
    finally:
        loop.remove_writer(fd)
