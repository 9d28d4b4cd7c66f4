"""One router under load that is killed, stopped, loaded again, and starved of its disk; then the books.

What the router said that it took = what arrived + what the config drops + dead letters, for each output. A record may
arrive twice only for a reason that docs/storage.md names: its sender sent it twice, the destination took it without
saying so, or the router ended in between.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port
from tests.running import Router, until
from tests.torture.load import FileWriter, ForwardSender, HttpSender, Sender
from tests.torture.sink import TorturedSink

ROOT = Path(__file__).parents[2]
APART = 10_000_000
"""Between the first numbers of two senders."""
WINDOW = 6.0
"""Seconds before the end of a router, in which records arrived that may arrive again."""
HEALING = 90.0
"""Seconds until all has arrived, once nothing goes wrong any more."""

CONFIG = """
[SERVICE]
    Flush 0.1
    Grace 1
    scheduler.base 1
    scheduler.cap 1
    hot_reload on
    storage.path {dir}/store
    {service}
[INPUT]
    Name forward
    unix_path {dir}/in.sock
    {input}
[INPUT]
    Name http
    Listen 127.0.0.1
    Port {port}
    {http}
[INPUT]
    Name tail
    Path {dir}/app-*.log
    Tag file.log
    DB {dir}/offsets.db
    Parser json
    Read_from_Head on
    Refresh_Interval 1
    {tail}
[FILTER]
    Name grep
    Match *
    Exclude drop yes
{filters}
[OUTPUT]
    Name http
    Alias a
    Match *
    Host 127.0.0.1
    Port {a}
    Format json_lines
    Retry_Limit no_limits
    deliver_timeout 5
    dead_letter {dir}/dead/
    {output}
[OUTPUT]
    Name http
    Alias b
    Match *
    Host 127.0.0.1
    Port {b}
    Format json_lines
    Retry_Limit no_limits
    deliver_timeout 5
"""
FILTERS = ["", "[FILTER]\n    Name modify\n    Match *\n    Add turn x\n"]
OUTPUTS = ["", "Workers 2", "preserve_order on"]
"""Of all of them the records go to the same place, so what waits on disk is not left there."""
STORED = "storage.type filesystem"


@dataclass(frozen=True)
class Scenario:
    """`actions`: what is done to the router, the more often the greater the number."""

    actions: dict[str, int]
    service: str = ""
    forward: str = STORED
    http: str = STORED
    tail: str = STORED
    small_disk: bool = False
    pause: float = 0.01
    """Seconds between two batches of a sender."""


KILLS = {"kill": 3, "stop": 1, "flaky": 2, "down": 1, "well": 1}
SCENARIOS = {
    "kill": Scenario(KILLS),
    "delivered": Scenario(KILLS, forward="ack_on delivered", http="ack_on delivered"),
    "both": Scenario(KILLS, forward=f"{STORED}\n    ack_on delivered"),
    "spool": Scenario({"kill": 2, "stop": 1, "down": 3, "flaky": 1}, service="memory_limit 300k"),
    "memory": Scenario(
        {"stop": 2, "flaky": 1, "down": 1, "reload": 1}, forward="Mem_Buf_Limit 200k", http="", tail="Mem_Buf_Limit 50k"
    ),
    "reload": Scenario({"reload": 8, "kill": 1, "flaky": 2, "well": 1}),
    "disk": Scenario({"enospc": 2, "eio": 2, "slow": 2, "calm": 3, "kill": 1, "flaky": 1, "down": 1, "well": 1}),
    "synced": Scenario(
        {"die": 4, "enospc": 1, "eio": 1, "slow": 1, "calm": 2, "flaky": 1}, service="storage.sync full"
    ),
    "full": Scenario(
        {"down": 4, "well": 1, "flaky": 1, "kill": 1}, service="storage.max_chunks_up 1", small_disk=True, pause=0.004
    ),
    "clock": Scenario({"clock": 4, "kill": 1, "flaky": 2, "down": 1, "reload": 1}),
}


class Tortured(Router):
    """With a disk and a clock that can go wrong, and a log of its own."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.config = folder, folder / "router.conf"
        self.log = folder / f"router-{number}.log"
        self.process = None

    async def start(self, *args: str, env: dict[str, str] | None = None) -> None:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = (sys.executable, "-m", "tests.torture.faulty", str(self.folder / "faults.json"), "run")
        with open(self.log, "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, "-c", str(self.config), stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip


@dataclass
class Books:
    """Records."""

    taken: int = 0
    """That the router said it took."""
    filtered: int = 0
    delivered: dict[str, int] = field(default_factory=dict)
    """By output."""
    dead: dict[str, int] = field(default_factory=dict)
    lost: dict[str, list[int]] = field(default_factory=dict)
    twice: dict[str, int] = field(default_factory=dict)
    """By the reason."""
    unexplained: list[int] = field(default_factory=list)
    """There twice without a reason."""
    ends: int = 0
    """How often the router ended."""
    done: dict[str, int] = field(default_factory=dict)
    """What was done to it, and how often."""
    wrong: list[str] = field(default_factory=list)

    @property
    def balance(self) -> bool:
        return not (any(self.lost.values()) or self.unexplained or self.wrong)

    def __str__(self) -> str:
        parts = [f"acknowledged {self.taken} = filtered {self.filtered}"]
        for name in self.delivered:
            dead = f" + dead letters {self.dead[name]}" if self.dead[name] else ""
            parts.append(f"+ to {name} {self.delivered[name]}{dead} + lost {len(self.lost[name])}")
        twice = ", ".join(f"{reason} {number}" for reason, number in self.twice.items() if number) or "none"
        done = " ".join(f"{name} {number}" for name, number in sorted(self.done.items()))
        return (
            f"{'; '.join(parts)}\n    twice: {twice}; unexplained {len(self.unexplained)}\n    done: {done}"
            + "".join(f"\n    WRONG: {what}" for what in self.wrong)
        )


class Torture:
    def __init__(self, folder: Path, scenario: Scenario, seed: int) -> None:
        self.folder, self.scenario, self.chance = folder, scenario, random.Random(seed)
        self.sinks = {"a": TorturedSink(seed), "b": TorturedSink(seed + 1)}
        self.port = free_port()
        pause = scenario.pause
        self.senders: list[Sender] = [
            ForwardSender(folder / "in.sock", APART, pause),
            ForwardSender(folder / "in.sock", 2 * APART, pause * 3),
            HttpSender(self.port, 3 * APART, pause * 3),
            FileWriter(folder, 4 * APART, pause * 2),
        ]
        self.runs = 0
        self.ends: list[float] = []
        self.faults: dict[str, object] = {}
        self.books = Books()
        self.router: Tortured

    # -- what is done ---------------------------------------------------------------------------------------------

    def write_config(self, filters: str = "", output: str = "") -> None:
        scenario = self.scenario
        text = CONFIG.format(
            dir=self.folder, service=scenario.service, input=scenario.forward, http=scenario.http, tail=scenario.tail,
            port=self.port, a=self.sinks["a"].port, b=self.sinks["b"].port, filters=filters, output=output,
        )  # fmt: skip
        (self.folder / "router.conf").write_text(text)

    def fault(self, **what: object) -> None:
        self.faults = {**what, **({"clock": self.faults["clock"]} if "clock" in self.faults else {})}
        new = self.folder / "faults.new"
        new.write_text(json.dumps(self.faults))
        new.rename(self.folder / "faults.json")

    async def start(self) -> None:
        while True:
            self.runs += 1
            self.router = Tortured(self.folder, self.runs)
            await self.router.start()
            await until(lambda: " started " in self.router.said() or self.router.ended is not None, "it starts")
            if self.router.ended is None:
                return
            # a disk that fails may refuse the start, or end it
            self.ends.append(time.monotonic())
            self.fault()

    async def act(self, what: str) -> None:
        self.books.done[what] = self.books.done.get(what, 0) + 1
        sink = self.sinks[self.chance.choice("ab")]
        match what:
            case "kill":
                await self.router.stop(signal.SIGKILL)
            case "stop":
                await self.router.stop()
            case "reload":
                self.write_config(self.chance.choice(FILTERS), self.chance.choice(OUTPUTS))
                os.kill(self.router.pid, signal.SIGHUP)
            case "flaky" | "down" | "well":
                sink.failing = {"flaky": 0.4, "down": 1.0, "well": 0.0}[what]
            case "enospc" | "eio":
                self.fault(fail=[self.chance.choice([0.05, 0.3, 1.0]), what.upper()])
            case "slow":
                self.fault(slow=[0.2, 0.03])
            case "die":
                self.fault(die=0.02)
            case "calm":
                self.fault()
            case "clock":
                self.faults["clock"] = self.chance.choice([-86400 * 400, -3600, -1, 0, 1, 3600, 86400 * 400])
                self.fault()

    async def look(self, seconds: float) -> None:
        """Wait a while, and start it again if it has ended."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if self.router.ended is not None:
                self.ends.append(time.monotonic())
                await self.start()
            await asyncio.sleep(min(0.05, left))

    async def run(self, seconds: float) -> Books:
        async with AsyncExitStack() as stack:
            if self.scenario.small_disk:
                stack.enter_context(small_disk(self.folder / "store"))
            for sink in self.sinks.values():
                await sink.open()
                stack.push_async_callback(sink.close)
            numbers = [sender.first + n for sender in self.senders for n in range(5, APART, 997) if n % 10]
            self.sinks["a"].refuses = frozenset(numbers[:10_000])
            self.write_config()
            self.fault()
            await self.start()
            sending = [asyncio.create_task(sender.run()) for sender in self.senders]
            try:
                ends = time.monotonic() + seconds
                names, weights = zip(*self.scenario.actions.items(), strict=True)
                while time.monotonic() < ends:
                    await self.act(self.chance.choices(names, weights)[0])
                    await self.look(self.chance.uniform(0.1, 1.2))
                await self.heal(sending)
            finally:
                for task in sending:
                    task.cancel()
                if self.router.ended is None:
                    await self.router.stop(signal.SIGKILL)
            self.count()
        return self.books

    async def heal(self, sending: Sequence["asyncio.Task[None]"]) -> None:
        """Nothing goes wrong any more, so all arrives."""
        self.fault()
        for sink in self.sinks.values():
            sink.failing = 0.0
        # another run looks again at what could not be read
        await self.router.stop()
        self.ends.append(time.monotonic())
        self.write_config()
        await self.start()
        for sender in self.senders:
            sender.stopping = True
        ends = time.monotonic() + HEALING
        while time.monotonic() < ends and not (all(task.done() for task in sending) and not self.missing()):
            await asyncio.sleep(0.1)
        for task in sending:
            if task.done():
                task.result()  # a bug of the sender's
            else:
                self.books.wrong.append("a sender waits for an answer that does not come")
        if await self.router.stop() != 0:
            self.books.wrong.append("the last stop was not clean")

    # -- the books --------------------------------------------------------------------------------------------------

    @property
    def taken(self) -> set[int]:
        return set().union(*(sender.taken for sender in self.senders))

    def missing(self) -> bool:
        wanted = {n for n in self.taken if n % 10}
        return any(wanted - sink.got.keys() - self.dead(name) for name, sink in self.sinks.items())

    def dead(self, name: str) -> set[int]:
        path = self.folder / "dead" / f"{name}.jsonl"
        return {json.loads(line)["record"]["n"] for line in path.open()} if path.exists() else set()

    def count(self) -> None:
        books, taken = self.books, self.taken
        wanted = {n for n in taken if n % 10}
        repeated = set().union(*(sender.repeated for sender in self.senders))
        books.taken, books.filtered, books.ends = len(taken), len(taken) - len(wanted), len(self.ends)
        for name, sink in self.sinks.items():
            dead = self.dead(name)
            books.delivered[name] = len(wanted & sink.got.keys())
            books.dead[name] = len(wanted & dead - sink.got.keys())
            books.lost[name] = sorted(wanted - sink.got.keys() - dead)
            if any(n % 10 == 0 for n in sink.got):
                books.wrong.append(f"{name} got what the config drops")
            for n, arrivals in sink.got.items():
                if len(arrivals.times) > 1:
                    reason = "sent twice" if n in repeated else "taken unsaid" if arrivals.unsaid else ""
                    if not reason and self.ended_between(n, arrivals.times[-1]):
                        reason = "the router ended"
                    if reason:
                        books.twice[reason] = books.twice.get(reason, 0) + 1
                    else:
                        books.unexplained.append(n)
        for path in sorted(self.folder.glob("router-*.log")):
            said = path.read_text(errors="replace")
            books.wrong += [f"{path.name} has '{word}'" for word in ("Traceback", "unexpected") if word in said]
        left = [*(self.folder / "store").rglob("*.seg")]
        books.wrong += [f"{path.relative_to(self.folder)} is still there" for path in left]

    def ended_between(self, number: int, last: float) -> bool:
        """Whether the router ended when it was under way: it had just arrived, or not yet everywhere. `last`: when it
        arrived for the last time."""
        sent = self.senders[number // APART - 1].sent[number]
        everywhere = max(sink.got[number].times[0] if number in sink.got else last for sink in self.sinks.values())
        return any(sent <= end <= last and end - WINDOW <= everywhere for end in self.ends)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of one megabyte. Raises: OSError, subprocess.CalledProcessError."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def can_mount() -> bool:
    """Whether we may have a small disk."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "disk"):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False
