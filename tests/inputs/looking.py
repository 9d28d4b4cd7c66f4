"""Inputs that look at the machine: one of them at work, without a router."""

from collections.abc import Callable

from pyrolens.api import Input
from pyrolens.inputs._host import Every
from tests.inputs.lent import Lent, run

QUICK = Every(interval_sec=0, interval_nsec=1_000_000)


def looked(made: Input, number: int = 1, between: Callable[[], object] = lambda: None) -> Lent:
    """What it has handed over after so many records. `between` is called after each batch."""
    env = Lent()

    async def check() -> None:
        env.on_ingest = lambda: (between(), None)[1]
        source = made.open(env)
        await source.start()
        await env.until_events(number)
        await source.stop()

    run(check())
    return env
