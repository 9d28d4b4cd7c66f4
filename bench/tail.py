"""The third benchmark: a file of access lines in Apache's combined format, read by tail with the parser apache2.

The file is made here, always the same: 20,000 different lines, again and again with times that go on, 500 a second. One
in 500 is a request that never came, one in 1,000 a request that the parser does not take.
"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from bench.pipelines import Record
from bench.router import BenchError, Router
from bench.run import Result, canonical, compare, free_port, kept, sink_count, start_sink, wait
from pyrolens.plugin import builtin_parser

NAME = "tail"
START = 1_763_668_800
LINES = 20_000
"""Different ones, but for their times."""
PER_SECOND = 500
CHECKED = 5000
"""Lines whose records are compared."""

SERVICE = """\
[SERVICE]
    Flush         1
    Grace         10
    Log_Level     warn
    HTTP_Server   On
    HTTP_Listen   127.0.0.1
    HTTP_Port     {api}
    Parsers_File  {folder}/parsers.conf

[INPUT]
    Name            tail
    Path            {folder}/access.log
    Parser          apache2
    Read_From_Head  On

[OUTPUT]
    Match           *
"""
OUTPUTS = {
    "null": "    Name            null\n",
    "http": "    Name            http\n    Host            127.0.0.1\n    Port            {sink}\n"
    "    URI             /\n    Format          json_lines\n",
}
PARSER = """\
[PARSER]
    Name         apache2
    Format       regex
    Regex        {regex}
    Time_Key     {time.key}
    Time_Format  {time.format}
"""


class Made(NamedTuple):
    """A line without its time, and what must become of it."""

    before: str
    after: str
    record: Record | None
    """None: the parser does not take it."""


AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1"
    " Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.4.0",
    "okhttp/4.12.0",
]
PATHS = [
    "/",
    "/items/{n}",
    "/items/{n}/reviews?page={m}",
    "/search?q=lamp+{n}&sort=price",
    "/static/app.{m}.js",
    "/cart",
]


def made() -> list[Made]:
    rng = random.Random("pyrolens tail")
    return [_made(rng) for _ in range(LINES)]


def _made(rng: random.Random) -> Made:
    record = {
        "host": f"{rng.randrange(1, 224)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}",
        "user": rng.choice(["-", "-", "-", "frank", "maria"]),
        "method": rng.choice(["GET", "GET", "GET", "GET", "POST", "HEAD"]),
        "path": rng.choice(PATHS).format(n=rng.randrange(10_000), m=rng.randrange(100)),
        "code": str(rng.choices([200, 204, 301, 304, 404, 500], [80, 3, 3, 10, 3, 1])[0]),
        "size": str(rng.randrange(100, 50_000)),
        "referer": rng.choice(
            ["-", "-", "https://shop.example.com/", f"https://example.org/?from={rng.randrange(99)}"]
        ),
        "agent": rng.choice(AGENTS),
    }
    request = f"{record['method']} {record['path']} HTTP/1.1"
    taken: Record | None = record
    kind = rng.random()
    if kind < 0.002:
        # nothing came before the time was over
        record.update(method="-", code="408", size="-", referer="-", agent="-")
        del record["path"]
        request = "-"
    elif kind < 0.003:
        request, taken = f"GET /a search with blanks {rng.randrange(1000)} HTTP/1.1", None
    end = f'"{request}" {record["code"]} {record["size"]} "{record["referer"]}" "{record["agent"]}"'
    return Made(f"{record['host']} - {record['user']} [", f"] {end}", taken)


def stamps() -> Iterator[str]:
    second = START
    while True:
        yield time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))
        second += 1


def write(path: Path, size: int) -> int:
    """Write at least so many bytes, in whole rounds of PER_SECOND lines; the number of lines."""
    pairs = [(line.before, line.after + "\n") for line in made()]
    rounds = [pairs[start : start + PER_SECOND] for start in range(0, LINES, PER_SECOND)]
    count = written = 0
    with path.open("w") as file:
        for number, stamp in enumerate(stamps()):
            if written >= size:
                return count
            text = "".join([f"{before}{stamp}{after}" for before, after in rounds[number % len(rounds)]])
            count += PER_SECOND
            written += file.write(text)
    raise AssertionError


def measure(name: str, command: list[str], file: Path, events: int) -> Result:
    """Raises: BenchError, when another number of records arrives."""
    with _set_up(command, file, "null") as (router, api, _):
        begin = time.monotonic()
        delivered = wait(router, lambda: router.delivered(api), events)
        elapsed = time.monotonic() - begin
        used = router.stop()
        if delivered != events:
            raise BenchError(f"{name}, {NAME} to null: {events} must arrive, {delivered} did\n{router.tail()}")
    return Result(
        name,
        NAME,
        "null",
        events,
        delivered,
        used.cpu / events * 1e6,
        0.0,
        used.resident / 2**20,
        used.peak / 2**20,
        events / elapsed,
    )


def verify(name: str, command: list[str]) -> None:
    """Compare every record of some lines. Raises: BenchError."""
    with tempfile.TemporaryDirectory() as folder:
        file, keep = Path(folder, "access.log"), Path(folder, "bodies")
        expected = Counter[str]()
        lines = made()[:CHECKED]
        with file.open("w") as out:
            for number, stamp in enumerate(islice(stamps(), CHECKED // PER_SECOND)):
                for line in lines[number * PER_SECOND : (number + 1) * PER_SECOND]:
                    text = f"{line.before}{stamp}{line.after}"
                    out.write(text + "\n")
                    expected[canonical({"log": text} if line.record is None else line.record)] += 1
        with _set_up(command, file, "http", keep) as (router, _, arrived):
            wait(router, arrived, len(lines))
            router.stop()
        compare(f"{name}, {NAME}", expected, Counter(map(canonical, kept(keep))))


@contextmanager
def _set_up(
    command: list[str], file: Path, output: str, keep: Path | None = None
) -> Iterator[tuple[Router, int, Callable[[], int]]]:
    """(the router, the port of its API, how many records the sink has)"""
    parser: Any = builtin_parser("apache2")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "access.log").symlink_to(file)
        (folder / "parsers.conf").write_text(PARSER.format(regex=parser.regex, time=parser.time))
        sink, router = start_sink(keep), None
        try:
            assert sink.stdout
            port, api = int(sink.stdout.readline()), free_port()
            config = folder / "router.conf"
            config.write_text(SERVICE.format(api=api, folder=folder) + OUTPUTS[output].format(sink=port))
            router = Router(command, config, folder / "router.log")
            yield router, api, lambda: sink_count(port)
        finally:
            if router:
                router.kill()
            sink.kill()
            sink.wait()
