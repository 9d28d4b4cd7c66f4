"""One container of a Docker engine, as `up` sees it: what it prints, how it is, and its end."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

import docker
import requests
from docker.errors import DockerException

from pyrolens.local.docker_engine import Docker
from pyrolens.local.endpoints import Known
from pyrolens.local.runtime import Output

KILLED = 137
"""Exit status of what SIGKILL has ended."""
SLOWLY = 0.5
"""Seconds between looks at a container's health."""


class DockerContainer:
    """One that was created. What it prints is taken from the engine beside what its log driver gets."""

    def __init__(self, engine: Docker, id_: str, known: Known, output: Output) -> None:
        self.id, self.ports = id_, known.ports
        self.why = ""
        self._asked = False
        """Whether it was us who ended it."""
        known.health = "starting" if known.container.checks_health else ""
        self._engine, self._known, self._output = engine, known, output
        self._changed = asyncio.Event()
        """Its health has, or it has ended."""
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = self._loop.create_future()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises: DockerProblem."""
        attached = threading.Event()
        threading.Thread(target=self._read, args=(attached,), daemon=True).start()
        # so that not one line is missed
        await asyncio.to_thread(attached.wait)
        await asyncio.to_thread(self._engine.start, self.id)
        if self._known.health:
            self._watching = asyncio.create_task(self._watch())

    def _read(self, attached: threading.Event) -> None:
        """In a thread of its own, until the container has ended."""
        status = -1
        try:
            # a connection that waits for as long as it takes
            client = docker.APIClient(timeout=None, **self._engine.how)
            with contextlib.closing(client):
                terminal = self._known.container.settings.terminal
                frames = client.attach(self.id, stdout=True, stderr=True, stream=True, demux=True)
                attached.set()
                for out, err in frames:
                    if out:
                        self._tell(self._output, "stdout", out)
                    if err:
                        self._tell(self._output, "stdout" if terminal else "stderr", err)
                status = client.wait(self.id)["StatusCode"]
                if status == KILLED and not self._asked:
                    self.why = self._why_killed(client)
        except (DockerException, requests.RequestException, OSError):
            # it was removed, or the engine has gone: its end is all that there is to tell
            pass
        finally:
            attached.set()
            for source in ("stdout", "stderr"):
                self._tell(self._output, source, b"")
            self._tell(self._ended, status)

    def _why_killed(self, client: Any) -> str:
        memory = self._known.container.memory
        if client.inspect_container(self.id)["State"]["OOMKilled"]:
            return f"out of memory: it has {memory} MiB" if memory else "out of memory"
        # the engine may learn of it too late
        return f"killed: by somebody, or by the kernel for its memory of {memory} MiB" if memory else "killed"

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call, *arguments)

    def _ended(self, status: int) -> None:
        self._known.ended(status)
        if not self._end.done():
            self._end.set_result(status)
        self._changed.set()

    async def _watch(self) -> None:
        while not self._end.done():
            found = await asyncio.to_thread(self._engine.inspect, self.id)
            health = found.get("State", {}).get("Health", {}).get("Status", self._known.health)
            if health != self._known.health:
                self._known.health = health
                self._changed.set()
            await asyncio.wait([self._end], timeout=SLOWLY)

    async def _until(self, *states: str) -> str:
        """The first of these states that it has; "" when it ends before."""
        while not self._end.done():
            self._changed.clear()
            if self._known.health in states:
                return self._known.health
            await self._changed.wait()
        return ""

    async def healthy(self) -> bool:
        if not self._known.health:
            return not self._end.done()
        return await self._until("healthy", "unhealthy") == "healthy"

    async def unhealthy(self) -> None:
        if not await self._until("unhealthy"):
            await asyncio.Event().wait()

    @property
    def ended(self) -> bool:
        return self._end.done()

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    async def stop(self, within: float) -> int:
        def ask() -> None:
            with contextlib.suppress(DockerException):
                # the client must have more patience than the engine
                self._engine.client.stop(self.id, timeout=int(within))

        self._asked = True
        if not self._end.done():
            await asyncio.to_thread(ask)
        status = await self.wait()
        if self._watching:
            self._watching.cancel()
        return status

    def kill(self) -> None:
        self._asked = True
        if not self._end.done():
            with contextlib.suppress(DockerException, requests.RequestException):
                self._engine.client.kill(self.id)
