"""Starts routers by forks of a process that has imported the router.

To start one takes a third of a second of CPU, nearly all of it for imports, and there are more than a thousand cases.
The fork begins where `pyrolens` begins: with its own arguments, environment, folder and streams. Another router, such
as the one that CONFORMANCE_ROUTER names, and every one with CONFORMANCE_STARTS=fresh, is started as programs are.
"""

import array
import asyncio
import gc
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol

WARM = (
    "tools.run", "service.router", "language.yaml", "inputs.forward", "inputs.dummy", "outputs.forward", "outputs.http",
)  # fmt: skip
"""Modules that most cases need."""
LARGEST = 1 << 20
"""Bytes that ask for a router."""


class Input(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def close(self) -> None: ...


class Process(Protocol):
    """What the cases need of a process; asyncio's own is one."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def stdin(self) -> Input | None: ...
    def kill(self) -> None: ...
    def terminate(self) -> None: ...
    async def wait(self) -> int: ...


class Starter:
    """Gives processes of `command`."""

    def __init__(self, command: Sequence[str], fork: bool) -> None:
        self.command = list(command)
        self.folder = tempfile.TemporaryDirectory(prefix="starter-")
        self.path = f"{self.folder.name}/socket"
        self.server: subprocess.Popen[bytes] | None = None
        if fork:
            self.server = subprocess.Popen([sys.executable, "-m", __name__, self.path], cwd=Path(__file__).parents[2])

    def close(self) -> None:
        if self.server:
            self.server.kill()
            self.server.wait()
        self.folder.cleanup()

    async def start(
        self, args: Sequence[str], *, out: int, err: int, cwd: Path, env: Mapping[str, str], stdin: bool = False
    ) -> Process:
        """`out`, `err`: descriptors. `stdin`: it is written to; else there is none. It leads a session of its own."""
        if self.server:
            return await self._forked(args, out, err, cwd, env, stdin)
        return await asyncio.create_subprocess_exec(
            *self.command, *args, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, stdout=out, stderr=err,
            cwd=cwd, env=env, start_new_session=True,
        )  # fmt: skip

    async def _forked(
        self, args: Sequence[str], out: int, err: int, cwd: Path, env: Mapping[str, str], stdin: bool
    ) -> Process:
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        while True:
            try:
                await asyncio.get_running_loop().sock_connect(sock, self.path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.05)  # it has not begun yet
        reads, writes = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), -1)
        wanted = json.dumps({"argv": [self.command[0], *self.command[1:], *args], "cwd": str(cwd), "env": dict(env)})
        sock.setblocking(True)
        socket.send_fds(sock, [wanted.encode("utf-8", "surrogateescape") + b"\n"], [reads, out, err])
        os.close(reads)
        sock.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=sock)
        pid = int(await reader.readline())
        return Forked(pid, reader, writer, open(writes, "wb", buffering=0) if stdin else None)


class Forked:
    """A router that the server has forked."""

    def __init__(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stdin: Input | None
    ) -> None:
        self.pid, self.stdin = pid, stdin
        self.returncode: int | None = None
        self._writer = writer
        self._ended = asyncio.create_task(self._watch(reader))

    async def _watch(self, reader: asyncio.StreamReader) -> int:
        self.returncode = int(await reader.readline())
        self._writer.close()
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)


# -- the process that is forked --------------------------------------------------------------------------------------


def serve(path: str) -> NoReturn:
    """Until it is killed. Each connection asks for one router, and gets its process id, then its status."""
    for name in WARM:
        import_module(f"pyrolens.{name}")
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    parent = os.getppid()
    children: dict[int, socket.socket] = {}
    while os.getppid() == parent:
        if select.select([listener], [], [], 0.02 if children else 1)[0]:
            connection, _ = listener.accept()
            wanted, streams = asked(connection)
            pid = os.fork()
            if not pid:
                listener.close()
                become(wanted, streams)
            for stream in streams:
                os.close(stream)
            connection.sendall(b"%d\n" % pid)
            children[pid] = connection
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            with children.pop(pid) as connection:
                try:
                    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
                except ConnectionError:
                    pass  # who asked has gone
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    sys.exit()


def asked(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    data, streams, _, _ = socket.recv_fds(connection, LARGEST, 3)
    while not data.endswith(b"\n"):
        data += connection.recv(LARGEST)
    return json.loads(data.decode("utf-8", "surrogateescape")), list(array.array("i", streams))


def become(wanted: dict[str, Any], streams: list[int]) -> NoReturn:
    """The router, from its first line on."""
    status = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, 1024)
        os.chdir(wanted["cwd"])
        os.environ.clear()
        os.environ.update(wanted["env"])
        time.tzset()
        random.seed()
        sys.argv = wanted["argv"]
        from pyrolens.cli import main

        status = main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
