"""input fluentbit_logs: the router's own log.

Source: Fluent Bit 5.1.1 plugins/in_fluentbit_logs/fluentbit_logs.c, src/flb_log.c (log_pipeline_mirror).
"""

import asyncio
from collections import deque
from collections.abc import Callable

from pyrolens.api import Event, Input, InputEnv, LogLine, Record, Source, plugin
from pyrolens.inputs._host import size_of

MOST = 1024
"""Lines that wait."""
LONGEST = 4000
"""Characters of a line."""


@plugin("fluentbit_logs")
class FluentbitLogs(Input):
    """Make records of the lines of the router's own log: level and message. They are still written to the log.

    How much that is depends on the level of the log (Log_Level of the service and of each plugin)."""

    differs = (
        "a line never makes another one: what the delivery of these records says is only in the log. So of an output"
        " that they go to, lines are left out while records are under way",
        "what was left out is told in the message of a record",
        "the lines are those of this router, which says other things than Fluent Bit",
    )

    def open(self, env: InputEnv) -> Source:
        return LogSource(env)


class LogSource:
    def __init__(self, env: InputEnv) -> None:
        self.env = env
        self.lines: deque[LogLine] = deque()
        self.left_out = 0
        self._paused = False
        self._handing = False
        """What is logged now comes from handing over."""
        self._under_way = 0
        """Batches that are not settled."""
        self._timer: asyncio.Handle | None = None
        self._unlisten: Callable[[], None] = lambda: None
        self._stopped = False

    async def start(self) -> None:
        self._unlisten = self.env.listen(self.take)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._soon()

    async def stop(self) -> None:
        self._unlisten()
        self._unlisten = lambda: None
        self._hand_over()
        self._stopped = True
        if self._timer:
            self._timer.cancel()

    def take(self, line: LogLine) -> None:
        if self._handing or self._is_of_own_making(line):
            return
        if len(self.lines) >= MOST:
            self.left_out += 1
            self.env.count("left_out_lines")
            return
        self.lines.append(line)
        self._soon()

    def _is_of_own_making(self, line: LogLine) -> bool:
        """Whether these records may be the reason for it."""
        kind, _, rest = line.name.partition(":")
        label = rest.partition(":")[2]
        if kind == "input":
            return label == self.env.name
        return kind == "output" and (self._under_way > 0 or line.repeats) and self.env.leads_to(label)

    def _soon(self) -> None:
        if not self._stopped and self._timer is None and self.lines:
            self._timer = asyncio.get_running_loop().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._timer = None
        if self._paused or not self.lines:
            return
        events = [self._event(line) for line in self.lines]
        self.lines.clear()
        if self.left_out:
            text = f"[input:fluentbit_logs:{self.env.name}] {self.left_out} lines before this were left out"
            events.append((events[-1][0], {"level": "warn", "message": text}))
            self.left_out = 0
        self._handing = True
        self._under_way += 1
        try:
            self.env.ingest(self.env.tag, events, sum([size_of(record) for _, record in events]), self._settled)
        finally:
            self._handing = False

    def _event(self, line: LogLine) -> Event:
        text = line.text if len(line.text) <= LONGEST else f"{line.text[:LONGEST]} ..."
        record: Record = {"level": line.level, "message": f"[{line.name}] {text}" if line.name else text}
        return line.time, record

    def _settled(self) -> None:
        # whoever settles may still have a word to say about it
        asyncio.get_running_loop().call_soon(self._done)

    def _done(self) -> None:
        self._under_way -= 1
