import os
import re
from pathlib import Path

import pytest

from pyrolens.problems import Place, Problem
from pyrolens.service.log import LONGEST, WINDOW, Logs, line_text
from pyrolens.service.metrics import Metrics


class Clock:
    def __init__(self) -> None:
        self.now = 1718000000.25

    def __call__(self) -> float:
        return self.now


class Written:
    """A log in a file, with a clock of its own."""

    def __init__(self, folder: Path, level: str = "info") -> None:
        self.file = folder / "log"
        self.clock = Clock()
        self.counts = Metrics()
        self.logs = Logs(level, str(self.file), self.counts, clock=self.clock)

    @property
    def lines(self) -> list[str]:
        """Without the time."""
        return [line[26:] for line in self.file.read_text().splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_the_look_of_a_line(log: Written) -> None:
    log.logs.of("output", "http", "http.0", None).warning("retry", attempt=2, wait=4.1, reason="HTTP 503")
    (line,) = log.file.read_text().splitlines()
    assert re.fullmatch(
        r"\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.250\] \[ warn\] \[output:http:http\.0\] "
        r'retry attempt=2 wait=4\.1 reason="HTTP 503"',
        line,
    )


def test_levels(tmp_path: Path) -> None:
    for level, expected in [
        ("off", []),
        ("error", ["[error] [x] e"]),
        ("warn", ["[error] [x] e", "[ warn] [x] w"]),
        ("info", ["[error] [x] e", "[ warn] [x] w", "[ info] [x] i"]),
        ("debug", ["[error] [x] e", "[ warn] [x] w", "[ info] [x] i", "[debug] [x] d"]),
        ("trace", ["[error] [x] e", "[ warn] [x] w", "[ info] [x] i", "[debug] [x] d", "[trace] [x] t"]),
    ]:
        (tmp_path / level).mkdir()
        written = Written(tmp_path / level, level)
        part = written.logs.of("x")
        part.error("e")
        part.warning("w")
        part.info("i")
        part.debug("d")
        part.trace("t")
        assert written.lines == expected
        counted = {k: n for k, n in written.counts.log_lines.items() if n}
        assert counted == {line[1:6].strip(): 1 for line in expected}


def test_a_plugin_has_its_own_level(log: Written) -> None:
    log.logs.of("filter", "grep", "grep.0", "debug").debug("seen")
    log.logs.of("filter", "grep", "grep.1", "error").warning("not seen")
    assert log.lines == ["[debug] [filter:grep:grep.0] seen"]


def test_values_stay_on_their_line() -> None:
    fields = {"a": "plain", "b": "two words", "c": 'q"\\', "d": "x\ny\x1b[0m\u2028", "e": 1.5, "f": "", "g": None}
    assert line_text("event\nforged", fields) == (
        'event\\nforged a=plain b="two words" c="q\\"\\\\" d="x\\ny\\x1b[0m\\x2028" e=1.5 f="" g=None'
    )


def test_text_that_is_not_utf8(log: Written) -> None:
    log.logs.of("x").info("e", a="\udcff")
    assert log.lines == ["[ info] [x] e a=\\udcff"]


def test_secrets_are_masked(log: Written) -> None:
    log.logs.mask(["hunter2", "hunter2-and-more", "abc"])
    log.logs.of("x").info("hunter2-and-more", url="https://u:hunter2@h/abc")
    assert log.lines == ["[ info] [x] *** url=https://u:***@h/abc"]


def test_what_is_said_again_is_counted(log: Written) -> None:
    part = log.logs.of("x")
    for _ in range(4):
        part.error("down", reason="refused")
    part.info("other")
    assert log.lines == ["[error] [x] down reason=refused", "[ info] [x] other"]
    log.clock.now += WINDOW
    part.error("down", reason="refused")
    assert log.lines[2:] == [
        "[error] [x] down reason=refused (repeated 3 times more)",
        "[error] [x] down reason=refused",
    ]


def test_lines_that_differ_in_their_fields_are_limited(log: Written) -> None:
    part = log.logs.of("x")
    for n in range(8):
        part.warning("retry", chunk=n, reason="HTTP 503")
    part.warning("retry", chunk=9, reason="HTTP 400")
    log.logs.flush()
    assert log.lines == [
        *[f'[ warn] [x] retry chunk={n} reason="HTTP 503"' for n in range(5)],
        '[ warn] [x] retry chunk=9 reason="HTTP 400"',
        '[ warn] [x] retry chunk=7 reason="HTTP 503" (repeated 3 times more)',
    ]


def test_what_is_remembered_is_bounded(log: Written) -> None:
    part = log.logs.of("x")
    for n in range(1500):
        part.warning("e", reason=n)
    assert len(log.logs._seen) <= 1000
    assert len(log.lines) == 1500


def test_close_tells_what_was_repeated(log: Written) -> None:
    part = log.logs.of("x")
    part.info("e")
    part.info("e")
    log.logs.close()
    assert log.lines == ["[ info] [x] e", "[ info] [x] e (repeated once more)"]
    log.logs.close()


def test_a_line_has_an_end(log: Written) -> None:
    log.logs.of("x").info("e", long="y" * 100_000)
    assert len(log.file.read_bytes()) <= LONGEST + 10


def test_a_log_file_that_cannot_be_opened(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Logs("info", str(tmp_path / "no" / "log")).of("x").info("e")
    first, second = capfd.readouterr().err.splitlines()
    assert "[error] [log] the log file cannot be opened" in first
    assert second.endswith("[ info] [x] e")


def test_a_reader_that_waits_does_not_stop_us(tmp_path: Path) -> None:
    """Nobody reads the pipe: lines are dropped, and the first that gets through says how many."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    logs = Logs("info", str(pipe))
    part = logs.of("x")
    for n in range(1000):
        part.info("e", reason=n, long="y" * 1000)
    while True:
        try:
            os.read(reader, 65536)
        except BlockingIOError:
            break
    part.info("after")
    said = os.read(reader, 65536).decode()
    assert re.search(r"after \(before it 9\d\d lines were lost, nobody read them\)\n$", said)
    logs.close()
    os.close(reader)


def test_problems_keep_their_lines(log: Written) -> None:
    log.logs.problem(Problem("c", "wrong", Place("f.conf", 1, 5, 3, "    abc"), "try b"))
    assert log.lines == [
        "[error] [config] f.conf:1:5: error[c]: wrong",
        "[error] [config]         abc",
        "[error] [config]         ^^^",
        "[error] [config]   hint: try b",
    ]
