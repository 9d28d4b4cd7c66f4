"""How the cost of an event grows: with the filters, the outputs and the tags of a config, with the record's width and
size, and with how many connections send at a rate. What grows where it should be flat is a defect.

usage: python -m bench.growth [--peer FLUENT_BIT] [--only tags] [--events N] [--json FILE]
"""

import argparse
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import msgpack

from bench.corpus import START
from bench.router import BenchError, Router
from bench.run import free_port, send, wait

TASK = "8f2c1d7be4a94b0c9a31f5e07d6c2b48"
FRAMES = 20_000
"""Events of one round; what is asked for is sent in rounds of these."""
MOST_BYTES = 24 << 20
"""Of one round."""


@dataclass(frozen=True)
class Point:
    """One run. `at`: what was varied, in its own unit."""

    router: str
    curve: str
    at: int
    events: int
    cpu_us: float
    """Microseconds of CPU per event, without the start."""
    cpu_ns_per_byte: float
    peak_mib: float


@dataclass(frozen=True)
class Work:
    """A config (its filters and outputs) and the events for it."""

    filters: str = ""
    outputs: int = 1
    tags: int = 1
    fields: int = 4
    size: int = 100
    """Bytes of the value of the field log."""
    connections: int = 0
    """As many send one event at a time, all together RATE of them a second; 0: one sends as fast as it is read."""


RATE = 5_000
SECONDS = 6
"""For which they send."""


def other_filters(count: int) -> Work:
    """Filters that do not match: they should cost nothing, for what a tag meets is worked out once."""
    return Work(filters="[FILTER]\n    Name grep\n    Match other-*\n    Regex log x\n" * count)


def filters(count: int) -> Work:
    """Filters that match, and look at one field of every record."""
    return Work(filters="[FILTER]\n    Name grep\n    Match *\n    Exclude log ^nothing\n" * count)


def in_turns(count: int) -> Work:
    return Work(tags=count, connections=count)


CURVES: dict[str, tuple[str, Callable[[int], Work], tuple[int, ...]]] = {
    "other-filters": ("filters for other tags", other_filters, (0, 10, 100)),
    "filters": ("filters that look at a field", filters, (0, 1, 4, 16)),
    "outputs": ("outputs that take every record", lambda n: Work(outputs=n), (1, 2, 4, 8)),
    "tags": ("tags, in turns", lambda n: Work(tags=n), (1, 10, 50, 100, 1_000, 10_000)),
    "connections": ("containers, each with a connection, 5,000 events/s of all", in_turns, (1, 10, 50)),
    "fields": ("fields of a record", lambda n: Work(fields=n), (4, 16, 64)),
    "size": ("bytes of a field", lambda n: Work(size=n), (100, 1_000, 10_000)),
}


MOST_OF_PEER = {"tags": 100}
"""With 1,000 tags Fluent Bit 5.1.1 has not delivered 20,000 events after 100 seconds."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000, help="events per run; fewer of large ones")
    parser.add_argument("--peer", type=Path, help="a fluent-bit program, to be run on the same work")
    parser.add_argument("--only", choices=sorted(CURVES), help="one of the curves")
    parser.add_argument("--runs", type=int, default=1, help="runs of each; the one with the least CPU counts")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    routers = {"pyrolens": [str(Path(sys.executable).parent / "pyrolens"), "run"]}
    routers |= {"fluent-bit": [str(args.peer)]} if args.peer else {}
    try:
        points = [
            point
            for curve in ([args.only] if args.only else CURVES)
            for point in grow(curve, routers, args.events, args.runs)
        ]
    except BenchError as failure:
        print(f"bench failed: {failure}", file=sys.stderr)
        return 1
    if args.json:
        args.json.write_text(json.dumps([asdict(point) for point in points], indent=2) + "\n")
    return 0


def grow(curve: str, routers: dict[str, list[str]], events: int, runs: int) -> list[Point]:
    """Each point of a curve, printed as it comes. Raises: BenchError."""
    title, make, steps = CURVES[curve]
    print(f"\n{curve}: {title}\n  {'':24}{'CPU us/event':>13}{'ns/byte':>9}{'peak MiB':>10}")
    points = []
    for at in steps:
        for name, command in routers.items():
            if name != "pyrolens" and at > MOST_OF_PEER.get(curve, at):
                continue
            each = [measure(name, command, curve, at, make(at), events) for _ in range(runs)]
            points.append(best := min(each, key=lambda point: point.cpu_us))
            row = f"{best.cpu_us:13.2f}{best.cpu_ns_per_byte:9.2f}{best.peak_mib:10.1f}"
            print(f"  {f'{at:,}, {name}':24}{row}", flush=True)
    return points


def measure(name: str, command: list[str], curve: str, at: int, work: Work, events: int) -> Point:
    """Raises: BenchError, when not all has arrived at all outputs."""
    data, count = encoded(work.tags, work.fields, work.size)
    if work.connections:
        count = work.tags
    rounds = max(1, min(events, MOST_BYTES * 10 // (len(data) // count)) // count)
    total = int(RATE * SECONDS) // count * count if work.connections else rounds * count
    sent = total * work.outputs
    with tempfile.TemporaryDirectory() as folder:
        api = free_port()
        config = Path(folder, "router.conf")
        config.write_text(
            f"[SERVICE]\n    Flush 1\n    Grace 10\n    Log_Level warn\n    HTTP_Server On\n    HTTP_Listen 127.0.0.1\n"
            f"    HTTP_Port {api}\n[INPUT]\n    Name forward\n    unix_path {folder}/in.sock\n"
            + work.filters
            + "[OUTPUT]\n    Name null\n    Match *\n" * work.outputs
        )
        router = Router(command, config, Path(folder, "router.log"))
        try:
            router.wait_until_listening()
            started = router.usage()
            if work.connections:
                drip(router, data, count, total)
                arrived = wait(router, lambda: router.delivered(api), sent)
            else:
                file = Path(folder, "events")
                file.write_bytes(data)
                sender = send(router, file, rounds, 0)
                arrived = wait(router, lambda: router.delivered(api), sent)
                sender.kill()
                sender.wait()
            used = router.stop()
        finally:
            router.kill()
    if arrived != sent:
        raise BenchError(f"{name}, {curve} {at}: {sent} must arrive, {arrived} did")
    cpu = used.cpu - started.cpu
    size = len(data) // encoded(work.tags, work.fields, work.size)[1] * total
    return Point(name, curve, at, total, cpu / total * 1e6, cpu / size * 1e9, used.peak / 2**20)


def drip(router: Router, data: bytes, count: int, total: int) -> None:
    """Each tag by a connection of its own, an event at a time. `data`: `count` events, one of each tag in turns."""
    with ExitStack() as stack:
        peers = []
        unpacker = msgpack.Unpacker(max_buffer_size=0)
        unpacker.feed(data)
        end = 0
        for _ in range(count):
            begin = end
            unpacker.skip()
            end = unpacker.tell()
            peer = stack.enter_context(socket.socket(socket.AF_UNIX))
            peer.connect(str(router.socket))
            peers.append((peer, data[begin:end]))
        started = time.monotonic()
        for sent in range(0, total, count):
            if (ahead := sent / RATE - (time.monotonic() - started)) > 0:
                time.sleep(ahead)
            for peer, frame in peers:
                peer.sendall(frame)


@cache
def encoded(tags: int, fields: int, size: int) -> tuple[bytes, int]:
    """(the messages of one round, how many they are), their tags in turns, as the log driver sends them."""
    rest = {f"field_{n}": f"value {n} of the record" for n in range(fields - 1)}
    line = "GET /api/items/4711 200 "
    record = {**rest, "log": (line * (size // len(line) + 1))[:size]}
    count = max(tags, min(FRAMES, MOST_BYTES // (size + 30 * fields)))
    count -= count % tags
    when = msgpack.ExtType(0, START.to_bytes(4, "big") + b"\0\0\0\0")
    frames = [msgpack.packb([f"app{n}-firelens-{TASK}", when, record, {}]) for n in range(tags)]
    return b"".join(frames) * (count // tags), count


if __name__ == "__main__":
    sys.exit(main())
