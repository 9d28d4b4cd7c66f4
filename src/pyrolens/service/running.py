"""A router from its start to its end: signals, and the config that is loaded again."""

import asyncio
import gc
import signal
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from pyrolens.config import Config
from pyrolens.service.reload import Reloader, tidy
from pyrolens.service.router import Router


def run(
    config: Config, load: Callable[[], Config] | None = None, fetch: Callable[[], Awaitable[None]] | None = None
) -> int:
    """Run until SIGTERM or SIGINT. `load`: reads the config again; None: there is nothing to read. `fetch`: see
    Reloader. Gives the exit status."""
    router = Router(config)
    import uvloop  # the router's own loop: imported where it is used

    # Records are freed by their reference counts; the collector would only search them for nothing.
    tidy()
    gc.set_threshold(100_000, 50, 100)
    return uvloop.run(_until_signal(router, load, fetch))


async def _until_signal(
    router: Router, load: Callable[[], Config] | None, fetch: Callable[[], Awaitable[None]] | None
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    reloader = Reloader(router, load, fetch)
    loop.set_exception_handler(lambda _, context: unexpected(reloader.router, context))
    signals = 0

    def told() -> None:
        nonlocal signals
        signals += 1
        stop.set()
        if signals > 1:
            reloader.router.hurried.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    loop.add_signal_handler(signal.SIGHUP, reloader.at_signal)
    status = 0

    def leave(wanted: int) -> None:
        nonlocal status
        status = wanted
        stop.set()

    router.leave = leave
    await router.start()
    router.log.info("started", inputs=len(router.inputs), outputs=len(router.deliveries))
    await stop.wait()
    await reloader.settled()
    await reloader.router.stop()
    return status


def unexpected(router: Router, context: dict[str, Any]) -> None:
    """A defect of ours: said once with its traceback, and the router goes on."""
    error = context.get("exception")
    router.log.error("unexpected", what=context.get("message", ""), error=repr(error))
    if error is not None:
        router.log.debug("traceback", of="".join(traceback.format_exception(error)))
