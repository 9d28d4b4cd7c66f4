"""The events: what Docker's fluentd log driver sends for two kinds of application, encoded beforehand.

The driver sends every line as a message [tag, EventTime, record, {}], and since the record is a Go map, the order of
its keys changes from line to line. Both corpora come from a fixed seed, so every run and every router gets the same
bytes.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack

TASK = "8f2c1d7be4a94b0c9a31f5e07d6c2b48"
TAG = f"color-firelens-{TASK}"
START = 1_763_668_800
EVENTS = 20_000
"""In one round of the corpus: 6 to 8 MB."""


@dataclass(frozen=True)
class Corpus:
    name: str
    frames: list[bytes]
    """The encoded message of each event."""
    lines: list[tuple[int, dict[str, str]]]
    """(ns, record) of each event, as sent."""

    @property
    def size(self) -> float:
        """Bytes of an event on average."""
        return sum(map(len, self.frames)) / len(self.frames)


def access() -> Corpus:
    return _corpus("access", _access_line)


def json_lines() -> Corpus:
    return _corpus("json", _json_line)


def _corpus(name: str, line: Callable[[random.Random, int], str]) -> Corpus:
    rng = random.Random(f"pyrolens {name}")
    containers = [
        {
            "container_id": rng.randbytes(32).hex(),
            "container_name": f"/ecs-color-app-12-color-{rng.randbytes(7).hex()}",
        }
        for _ in range(3)
    ]
    frames, lines = [], []
    ns = START * 10**9
    for _ in range(EVENTS):
        ns += rng.randrange(1_000, 2_000_000)
        source = "stderr" if rng.random() < 0.1 else "stdout"
        record = {**rng.choice(containers), "source": source, "log": line(rng, ns)}
        lines.append((ns, record))
        frames.append(_frame(ns, _shuffled(rng, record)))
    return Corpus(name, frames, lines)


def _shuffled(rng: random.Random, record: dict[str, str]) -> dict[str, str]:
    """A Go map of four keys has them in the first four of eight places, and is walked from a random place."""
    first = rng.randrange(8)
    items = list(record.items())
    return dict(items[first:] + items[:first]) if first < len(items) else record


def _frame(ns: int, record: dict[str, str]) -> bytes:
    seconds, rest = divmod(ns, 10**9)
    time = msgpack.ExtType(0, seconds.to_bytes(4, "big") + rest.to_bytes(4, "big"))
    encoded: Any = msgpack.packb([TAG, time, record, {}])
    return bytes(encoded)


PATHS = ["/", "/api/items", "/api/items/{n}", "/login", "/static/app.css", "/static/app.js", "/color", "/favicon.ico"]
AGENTS = ["curl/8.4.0", "Mozilla/5.0", "okhttp/4.12.0", "python-requests/2.32", "Go-http-client/2.0"]


def _access_line(rng: random.Random, ns: int) -> str:
    minute, second = divmod(ns // 10**9 % 3600, 60)
    when = f"20/Nov/2025:20:{minute:02d}:{second:02d} +0000"
    if rng.random() < 0.10:
        return f'10.0.{rng.randrange(4)}.9 - - [{when}] "GET /health HTTP/1.1" 200 3 "ELB-HealthChecker/2.0"'
    if rng.random() < 0.01:
        return f"ERROR {when} color: no answer from 10.0.2.{rng.randrange(256)}:5432 within {rng.randrange(900)} ms"
    path = rng.choice(PATHS).format(n=rng.randrange(10_000))
    status = rng.choices([200, 204, 304, 404, 500, 503], [80, 5, 10, 3, 1, 1])[0]
    return (
        f'10.0.{rng.randrange(4)}.{rng.randrange(256)} - - [{when}] "{rng.choice(["GET", "GET", "GET", "POST"])} {path}'
        f' HTTP/1.1" {status} {rng.randrange(100, 20_000)} "{rng.choice(AGENTS)}"'
    )


MESSAGES = ["order placed", "cache miss", "user signed in", "payment accepted", "träge Antwort", "注文を受け付けました"]


def _json_line(rng: random.Random, ns: int) -> str:
    milliseconds = ns // 10**6 % 1000
    second = ns // 10**9 % 60
    line = {
        "timestamp": f"2025-11-20T20:00:{second:02d}.{milliseconds:03d}Z",
        "level": rng.choices(["info", "debug", "warn", "error"], [80, 10, 7, 3])[0],
        "service": "orders",
        "logClass": "EVENT_LOG" if rng.random() < 0.15 else "APP_LOG",
        "message": rng.choice(MESSAGES),
        "request_id": rng.randbytes(8).hex(),
        "user": rng.randrange(10**6),
        "ms": round(rng.random() * 300, 2),
        "path": rng.choice(PATHS).format(n=rng.randrange(10_000)),
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))
