"""Containers as local processes: the image is replaced by the container's command, or by one of the user's."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from pyrolens.ecs.task_definition import Container
from pyrolens.local.ports import free_port
from pyrolens.local.runtime import Launch, Output, Running

KEPT = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER")
"""Variables of this process that a container's process gets, too. Credentials are not among them."""
AT_ONCE = 2048
"""Bytes of a read, as in Docker."""


class ProcessRuntime:
    """`commands`: by container name, instead of what the task definition says. Relative paths start at `folder`."""

    def __init__(self, folder: Path, commands: Mapping[str, str]) -> None:
        self.folder = folder
        self.commands = commands

    def command(self, container: Container) -> list[str]:
        own = self.commands.get(container.name)
        return ["/bin/sh", "-c", own] if own is not None else [*container.entry_point, *container.command]

    def check(self, container: Container) -> str:
        if not self.command(container):
            return (
                f"container '{container.name}' has no command, and its image '{container.image}' cannot run here: "
                f"say what to start with --exec {container.name}='…'"
            )
        return ""

    async def start(self, launch: Launch) -> Running:
        container = launch.container
        command = self.command(container)
        ports = {port: free_port("127.0.0.1", [port, 0]) for port, _ in container.ports}
        environment = _moved(launch.environment, ports)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        environment = {**{k: os.environ[k] for k in KEPT if k in os.environ}, "PATH": path, **environment}
        if shutil.which(command[0], path=environment["PATH"]) is None and not (self.folder / command[0]).exists():
            raise RuntimeError(f"container '{container.name}': there is no program '{command[0]}' on this machine")
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.folder,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                # a group of its own: Ctrl-C reaches us alone, and a stop reaches its children, too
                start_new_session=True,
            )
        except OSError as why:
            shown = shlex.join(command)
            raise RuntimeError(f"container '{container.name}': cannot start {shown}: {why.strerror}") from None
        return ProcessContainer(process, launch.output, ports)


class ProcessContainer:
    """`children`: a stop is for them, too. No health check runs: the commands of one are meant for an image."""

    def __init__(
        self, process: asyncio.subprocess.Process, output: Output, ports: Mapping[int, int], children: bool = True
    ) -> None:
        self.ports = ports
        self._process, self._children = process, children
        self._end = asyncio.gather(
            _copy("stdout", process.stdout, output), _copy("stderr", process.stderr, output), process.wait()
        )
        # a run that is cut short ends without asking for it
        self._end.add_done_callback(lambda end: end.cancelled() or end.exception())

    async def wait(self) -> int:
        *_, status = await asyncio.shield(self._end)
        return status

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def why(self) -> str:
        return ""

    @property
    def ended(self) -> bool:
        return self._end.done()

    async def healthy(self) -> bool:
        return not self._end.done()

    async def unhealthy(self) -> None:
        await asyncio.Event().wait()

    async def stop(self, within: float) -> int:
        if self._children:
            self._signal(signal.SIGTERM)
        elif not self._end.done():
            self._process.terminate()
        await asyncio.wait([self._end], timeout=within)
        # also what it left behind: a child that still holds the output would keep us waiting for ever
        self.kill()
        return await self.wait()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass


async def _copy(source: str, reader: asyncio.StreamReader | None, output: Output) -> None:
    while reader and (data := await reader.read(AT_ONCE)):
        output(source, data)
    output(source, b"")


def _moved(environment: Mapping[str, str], ports: Mapping[int, int]) -> dict[str, str]:
    """The environment with the ports that had to move: a variable that holds the container's port holds the new."""
    texts = {str(port): str(at) for port, at in ports.items()}
    return {name: texts.get(value, value) for name, value in environment.items()}
