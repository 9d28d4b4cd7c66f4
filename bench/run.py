"""One run: a router, a pipeline, an output, so many events; what it cost, and that nothing was lost."""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.corpus import Corpus
from bench.pipelines import Pipeline, Record
from bench.router import BenchError, Router

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Result:
    router: str
    pipeline: str
    output: str
    events: int
    delivered: int
    cpu_us: float
    """Microseconds of CPU per event sent: the whole process from its start to its end."""
    start_s: float
    """Seconds of CPU until it listened; they are part of cpu_us."""
    rss_mib: float
    """Resident once all has arrived."""
    peak_mib: float
    """The most that was ever resident."""
    events_per_s: float
    """From the first byte sent to the last record delivered, on this machine with everything else that runs there."""
    storage: str = "memory"

    @property
    def what(self) -> str:
        """pipeline-output, and -storage where that is not memory: what --only looks at."""
        return name_of(self.pipeline, self.output, self.storage)


def name_of(pipeline: str, output: str, storage: str) -> str:
    return f"{pipeline}-{output}" + (f"-{storage}" if storage != "memory" else "")


def measure(
    name: str,
    command: list[str],
    pipeline: Pipeline,
    corpus: Corpus,
    output: str,
    events: int,
    limit: str,
    storage: str = "memory",
) -> Result:
    """Raises: BenchError, when what arrived isn't what was sent less what the config drops."""
    rounds, rest = divmod(events, len(corpus.frames))
    kept = [pipeline.result(dict(record)) is not None for _, record in corpus.lines]
    expected = rounds * sum(kept) + sum(kept[:rest])
    with _set_up(command, pipeline, corpus, output, limit, storage=storage) as (router, api, sink, data):
        started = router.usage()
        begin = time.monotonic()
        sender = send(router, data, rounds, sum(map(len, corpus.frames[:rest])))
        delivered = _wait(router, sender, output, api, sink, expected)
        elapsed = time.monotonic() - begin
        used = router.stop()
        if output == "http":
            delivered = sink_count(sink)
        if delivered != expected:
            raise BenchError(
                f"{name}, {pipeline.name} to {output}: {expected} must arrive, {delivered} did\n{router.tail()}"
            )
    return Result(
        name,
        pipeline.name,
        output,
        events,
        delivered,
        used.cpu / events * 1e6,
        started.cpu,
        used.resident / 2**20,
        used.peak / 2**20,
        events / elapsed,
        storage,
    )


def verify(name: str, command: list[str], pipeline: Pipeline, corpus: Corpus, events: int = 5000) -> None:
    """Send some events to http and compare every record that arrives, but for its date and the order.

    Raises: BenchError, when the router does other work than the pipeline says."""
    results = [pipeline.result(dict(record)) for _, record in corpus.lines[:events]]
    expected = Counter(canonical(record) for record in results if record is not None)
    with tempfile.TemporaryDirectory() as folder:
        keep = Path(folder, "bodies")
        with _set_up(command, pipeline, corpus, "http", keep=keep) as (router, api, sink, data):
            sender = send(router, data, 0, sum(map(len, corpus.frames[:events])))
            _wait(router, sender, "http", api, sink, expected.total())
            router.stop()
        arrived = Counter(map(canonical, kept(keep)))
    compare(f"{name}, {pipeline.name}", expected, arrived)


def kept(bodies: Path) -> Iterator[Record]:
    """The records that the sink has kept, without their date."""
    for line in bodies.read_bytes().splitlines():
        record = json.loads(line)
        del record["date"]
        yield record


def compare(who: str, expected: "Counter[str]", arrived: "Counter[str]") -> None:
    """Raises: BenchError, when they differ."""
    if arrived != expected:
        missing, surplus = list((expected - arrived).elements()), list((arrived - expected).elements())
        raise BenchError(
            f"{who}: {len(missing)} records missing, {len(surplus)} not expected, such as\n"
            f"  expected {missing[:1]}\n  got      {surplus[:1]}"
        )


def canonical(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True, ensure_ascii=False)


@contextmanager
def _set_up(
    command: list[str],
    pipeline: Pipeline,
    corpus: Corpus,
    output: str,
    limit: str = "",
    keep: Path | None = None,
    storage: str = "memory",
) -> Iterator[tuple[Router, int, int, Path]]:
    """(the router, listening; the port of its API; the port of the sink; the file of events)"""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "events"
        data.write_bytes(b"".join(corpus.frames))
        sink = start_sink(keep)
        router = None
        try:
            assert sink.stdout
            port, api = int(sink.stdout.readline()), free_port()
            config = pipeline.write(folder, output, api, port, limit, storage)
            router = Router(command, config, folder / "router.log")
            router.wait_until_listening()
            yield router, api, port, data
        finally:
            if router:
                router.kill()
            sink.kill()
            sink.wait()


def start_sink(keep: Path | None) -> "subprocess.Popen[bytes]":
    """It prints its port first."""
    command = [sys.executable, "-S", str(HERE / "sink.py"), *([str(keep)] if keep else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def send(router: Router, data: Path, rounds: int, rest: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-S", str(HERE / "sender.py"), str(router.socket), str(data), str(rounds), str(rest)]
    )


def _wait(router: Router, sender: "subprocess.Popen[bytes]", output: str, api: int, sink: int, expected: int) -> int:
    """Until everything has been sent and has arrived, or nothing more comes."""
    last = wait(router, lambda: sink_count(sink) if output == "http" else router.delivered(api), expected)
    sender.kill()
    sender.wait()
    return last


def wait(router: Router, arrived: Callable[[], int], expected: int, idle: float = 15) -> int:
    """Until so many records have arrived, or nothing more comes for `idle` seconds. Raises: BenchError."""
    last, since = -1, time.monotonic()
    while True:
        if router.process.poll() is not None:
            raise BenchError(f"the router ended with {router.process.returncode}:\n{router.tail()}")
        now = arrived()
        if now != last:
            last, since = now, time.monotonic()
        if now >= expected or time.monotonic() - since > idle:
            return last
        time.sleep(0.1)


def sink_count(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
        return int(answer.read())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
