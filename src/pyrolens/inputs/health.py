"""input health: whether a server takes connections.

Source: Fluent Bit 5.1.1 plugins/in_health/health.c.
"""

import asyncio
import contextlib

from pyrolens.api import NET_IGNORED, TLS_IGNORED, Input, InputEnv, Net, Record, Source, Tls, group, opt, plugin
from pyrolens.inputs._host import Every, Ticks, hand_over


@plugin("health")
class Health(Input):
    """Connect to a server at each interval, and say whether that could be done."""

    ignored = {
        **NET_IGNORED,
        **TLS_IGNORED,
        "tls.verify_client_cert": "servers ask for the certificates of their clients, and this is a client",
    }
    differs = ("each look opens a connection; Fluent Bit keeps one open, and finds it good until it breaks",)

    host: str = opt("Host to connect to.", last_wins=True)
    port: int = opt("Port to connect to.", default=0, low=0, high=65535, last_wins=True)
    alert: bool = opt("Make records only while it cannot be done.", default=False)
    add_host: bool = opt("With the host as hostname.", default=False)
    add_port: bool = opt("With the port as port.", default=False)
    every: Every = group(Every)
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def open(self, env: InputEnv) -> Source:
        return HealthSource(self, env)


class HealthSource:
    def __init__(self, plan: Health, env: InputEnv) -> None:
        from pyrolens.net.connect import Place  # all of net comes with it, so only who connects pays for it

        self.plan = plan
        self.env = env
        self.place = Place(plan.host, plan.port, plan.net, plan.tls if plan.tls_on else None)
        self.ticks = Ticks(plan.every.seconds, self._tick)
        self._task: asyncio.Task[None] | None = None
        """The look that is under way: it may take longer than the interval."""

    async def start(self) -> None:
        self.ticks.start()

    def pause(self) -> None:
        self.ticks.stop()

    def resume(self) -> None:
        self.ticks.start()

    async def stop(self) -> None:
        self.ticks.stop()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _tick(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        from pyrolens.net.connect import connect
        from pyrolens.net.errors import NetError

        plan = self.plan
        try:
            transport, _ = await connect(self.place, asyncio.Protocol)
            transport.abort()
            alive = True
        except NetError as why:
            self.env.log.debug("no connection", reason=why)
            alive = False
        if alive and plan.alert:
            return
        record: Record = {"alive": alive}
        if plan.add_host:
            record["hostname"] = plan.host
        if plan.add_port:
            record["port"] = plan.port
        hand_over(self.env, [record])
