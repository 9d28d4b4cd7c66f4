"""input exec: each line that a command prints is a record.

Source: Fluent Bit 5.1.1 plugins/in_exec/in_exec.c.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable

from pyrolens.api import Event, Input, InputEnv, Parse, ParserName, Size, Source, opt, plugin
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._text import parsed, text_of

READ = 64 * 1024
PATIENCE = 2.0
"""Seconds that a command may take to end when it is told to."""


@plugin("exec")
class Exec(Input):
    """Run a command in the shell, now and then or once, and read what it prints."""

    differs = ("a command that runs longer than the interval holds up only itself, and Fluent Bit as a whole",)

    command: str = opt("Command for /bin/sh.")
    parser: ParserName | None = opt("Parser of the lines; lines that do not fit are refused.", default=None)
    interval_sec: int = opt("Seconds between two runs.", default=1)
    interval_nsec: int = opt("Nanoseconds between two runs, added to interval_sec.", default=0)
    buf_size: Size = opt("Bytes of the buffer: longer lines become several records.", default=4096)
    oneshot: bool = opt("Run it once, at the start.", default=False)
    exit_after_oneshot: bool = opt("Run it once, and stop the router when it ends.", default=False)
    propagate_exit_code: bool = opt("Then exit with the status of the command.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.propagate_exit_code and not self.exit_after_oneshot:
            yield "propagate_exit_code", "propagate_exit_code needs exit_after_oneshot on"
        if self.buf_size < 2:
            yield "buf_size", "buf_size leaves no room for a line"

    @property
    def interval(self) -> float:
        """Seconds."""
        if self.interval_sec <= 0 and self.interval_nsec <= 0:
            return 1.0
        return max(self.interval_sec, 0) + max(self.interval_nsec, 0) / 1e9

    def open(self, env: InputEnv) -> Source:
        return ExecSource(self, env)


class ExecSource:
    def __init__(self, plan: Exec, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.refuse = Refusals(env)
        self.parse: Parse | None = None
        if plan.parser:
            self.parse = env.parser(plan.parser)
            if self.parse is None:
                # Fluent Bit starts, too
                env.log.error("there is no such parser; lines stay as they are", parser=plan.parser)
        self.process: asyncio.subprocess.Process | None = None
        self.stopping = False
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._task: asyncio.Task[None] | None = None

    def hear(self, data: bytes | None, at: str) -> None:
        if data is not None:
            self._take([data], self.plan.buf_size - 1)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def pause(self) -> None:
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    async def stop(self) -> None:
        self.stopping = True
        self._may_read.set()
        if self._task is None:
            return
        if self.process is None:
            self._task.cancel()
        else:
            self._signal(signal.SIGTERM)
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._task), PATIENCE)
        if not self._task.done():
            self._signal(signal.SIGKILL)
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(self._task, PATIENCE)

    def _signal(self, number: int) -> None:
        """To the shell and all that it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    async def _run(self) -> None:
        plan = self.plan
        if plan.oneshot or plan.exit_after_oneshot:
            status = await self._once()
            if plan.exit_after_oneshot and not self.stopping:
                self.env.log.info("the command has ended", status=status)
                self.env.exit(status if plan.propagate_exit_code else 0)
            return
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.stopping:
            due = max(due + plan.interval, loop.time())
            await asyncio.sleep(due - loop.time())
            await self._may_read.wait()
            await self._once()

    async def _once(self) -> int:
        """Run the command and hand over its lines. Gives its exit status as a shell would."""
        try:
            self.process = process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", self.plan.command, stdout=asyncio.subprocess.PIPE, start_new_session=True
            )
        except OSError as why:
            self.env.log.error("cannot run the command", reason=why.strerror or str(why))
            return 127
        try:
            await self._read(process.stdout)
            status = await process.wait()
        finally:
            self.process = None
        return status if status >= 0 else 128 - status

    async def _read(self, printed: asyncio.StreamReader | None) -> None:
        rest = b""
        while printed is not None:
            await self._may_read.wait()
            data = await printed.read(READ)
            *lines, rest = (rest + data).split(b"\n")
            if not data and rest:
                lines, rest = [rest], b""
            most = self.plan.buf_size - 1
            while len(rest) >= most:
                lines.append(rest[:most])
                rest = rest[most:]
            self._take(lines, most)
            if not data:
                return

    def _take(self, lines: list[bytes], most: int) -> None:
        now = self.env.now()
        events: list[Event] = []
        for line in lines:
            for at in range(0, max(len(line), 1), most):
                text = text_of(line[at : at + most])
                if self.parse is None:
                    events.append((now, {"exec": text}))
                    continue
                event = parsed(self.parse, text, now)
                if event is not None:
                    events.append(event)
                else:
                    self.refuse("the parser does not fit")
        if events:
            self.env.ingest(self.env.tag, events, sum([len(line) for line in lines]) + len(lines))
