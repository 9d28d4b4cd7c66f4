"""What top makes of a router's metrics, and how it shows it."""

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docs import top_picture

from pyrolens.tools import top
from pyrolens.tools._router_api import ApiError, place_of
from pyrolens.tools._top_frame import fitting
from pyrolens.tools._top_reading import NOT_CHECKED, Counted, health_of, read_text, uptime_of, view
from pyrolens.tools._top_tables import Cell, ago, count, heading, plain, rate, size, tables, trouble
from tests.ports import free_port
from tests.running import SECONDS, HttpSink, Router, message, running, until
from tests.service.test_reload import connect

RECORDED = Path(top_picture.__file__).parent / "top"
BEFORE, NOW = ((RECORDED / name).read_text() for name in ("before.txt", "now.txt"))


def seen(before: str = BEFORE, now: str = NOW, seconds: float = 2.0) -> Any:
    return view("here:2020", read_text(before, 10.0), read_text(now, 10.0 + seconds))


def test_what_happened_between_two_readings() -> None:
    found = seen()
    assert (found.version, found.uptime, found.health, found.reloads) == ("pyrolens 0.1.0", 20, NOT_CHECKED, 0)
    app = found.inputs[0]
    assert (app.name, app.records, app.limit, app.paused) == ("app", Counted(12048, 1200, 600.0), 50_000_000, False)
    assert [row.name for row in found.outputs] == ["firehose", "cloudwatch-errors", "opensearch"]
    last = found.outputs[2]
    assert (last.records, last.retries.new, last.waiting) == (Counted(0, 0, 0.0), 5, 3600)
    assert last.lag > 15
    assert found.filters[2].emitted == Counted(343, 41, 20.5)


def test_a_router_that_was_started_again() -> None:
    row = seen(NOW, BEFORE).inputs[0]
    assert (row.records.new, row.records.total) == (row.records.total, row.records.total)


def test_what_fluent_bit_does_not_say_is_unknown() -> None:
    theirs = "\n".join(line for line in NOW.splitlines() if not line.startswith("pyrolens_"))
    found = seen(theirs, theirs + '\nfluentbit_build_info{version="5.1.1",os="linux"} 1')
    assert (found.version, found.memory, found.cpu) == ("fluent-bit 5.1.1", None, None)
    assert found.inputs[0].lag is None
    assert tables(found)[0].rows[0][4] == Cell("?", "dim")
    assert [cell.text for cell in tables(found)[2].rows[0][4:7]] == ["?", "?", "?"]
    without = "\n".join(line for line in theirs.splitlines() if not line.startswith("fluentbit_filter_"))
    assert [table.title for table in tables(seen(without, without))] == ["inputs", "outputs"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"status":"ok","reasons":[]}', ("ok", ())),
        (500, b'{"status":"error","reasons":["x"]}', ("error", ("x",))),
        (200, b"ok\n", ("ok", ())),
        (500, b"error\n", ("error", ())),
        (404, b"", (NOT_CHECKED, ())),
    ],
)
def test_health(status: int, body: bytes, expected: object) -> None:
    assert health_of(status, body) == expected


def test_what_is_not_metrics() -> None:
    with pytest.raises(ApiError, match="what it answers are no metrics"):
        read_text("<html>", 0.0)


@pytest.mark.parametrize(
    ("sort", "first"), [("name", "firehose"), ("records", "firehose"), ("lag", "opensearch"), ("errors", "firehose")]
)
def test_what_stands_first(sort: str, first: str) -> None:
    assert next(row[0].text for row in tables(seen(), sort)[2].rows) == first
    more = NOW.replace(
        'output_errors_total{name="cloudwatch-errors"} 0', 'output_errors_total{name="cloudwatch-errors"} 3'
    )
    assert next(row[0].text for row in tables(seen(now=more), "errors")[2].rows) == "cloudwatch-errors"


def test_trouble_has_a_colour() -> None:
    worse = NOW.replace('paused{name="app"} 0', 'paused{name="app"} 1')
    worse = worse.replace('bytes{name="nginx"} 448547', 'bytes{name="nginx"} 448547')
    rows = {row[0].text: row for table in tables(seen(now=worse)) for row in table.rows}
    assert rows["app"][-1] == Cell("paused", "bad")
    assert rows["opensearch"][4].style == "warn"
    assert rows["opensearch"][7] == Cell("45 +5", "warn")
    assert trouble(Counted(3, 3, 1.0)) == Cell("3", "bad")
    assert trouble(Counted(3, 0, 0.0)) == Cell("3", "")
    assert trouble(Counted(0, 0, 0.0)) == Cell("0", "dim")
    lines = heading(view("a:1", read_text(NOW, 0), read_text(NOW, 1, "error", tuple("abcdefg"))))
    assert Cell("unhealthy", "bad") in lines[0]
    assert [line[0].text for line in lines[1:]] == ["  a", "  b", "  c", "  d", "  e", "  and 2 more"]


def test_names_cannot_steer_the_terminal() -> None:
    odd = NOW.replace('name="app"', 'name="\x1b[2J"')
    assert "\x1b" not in plain(seen(now=odd))


@pytest.mark.parametrize(
    ("call", "value", "text"),
    [
        (rate, 0.0, "0"), (rate, 0.5, "0.5"), (rate, 3.0, "3"), (rate, 1234.56, "1,235"),
        (count, 999_999, "999,999"), (count, 12_300_000, "12.3M"), (count, 4_000_000_000, "4.0G"),
        (size, 0, "0 B"), (size, 1536, "1.5 KB"), (size, 5_000_000, "4.8 MB"),
        (ago, 0.0, "0"), (ago, 0.25, "0.2s"), (ago, 3, "3s"),
        (ago, 12.9, "12s"), (ago, 200, "3m 20s"), (ago, 7500, "2h 5m"),
        (ago, 350_000, "4d 1h"),
    ],
)  # fmt: skip
def test_figures(call: Callable[[Any], str], value: float, text: str) -> None:
    assert call(value) == text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ("127.0.0.1", 2020)), ("router", ("router", 2020)), ("router:99", ("router", 99)),
        ("[::1]:99", ("::1", 99)), (":99", ("127.0.0.1", 99)),
    ],
)  # fmt: skip
def test_places(text: str, place: tuple[str, int]) -> None:
    assert place_of(text) == place


def test_the_picture_is_the_same_each_time() -> None:
    first, second = top_picture.pictures(), top_picture.pictures()
    assert first == second
    assert list(first) == ["top.svg"]
    for part in ("<svg", "opensearch", "no-health-checks", "healthy", "pyrolens&#160;0.1.0"):
        assert part in first["top.svg"]


def test_metrics_that_were_saved(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = [str(RECORDED / "before.txt"), str(RECORDED / "now.txt")]
    assert uptime_of(NOW) - uptime_of(BEFORE) == 2
    assert top.main(["--saved", *files, "--sort", "lag"]) == 0
    printed = capsys.readouterr().out
    assert printed.index("opensearch") < printed.index("cloudwatch-errors")
    assert top.main(["--saved", *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inputs"][0]["records"]["new"] == 1200
    assert top.main(["--saved", str(tmp_path / "none"), files[0]]) == 1
    assert "No such file" in capsys.readouterr().err


# -- a router that works ------------------------------------------------------------------------------------------

CONFIG = """
[SERVICE]
    flush 0.1
    http_server on
    http_port {api}
    health_check on
    scheduler.base 1
    scheduler.cap 1
[INPUT]
    Name forward
    Alias app
    unix_path {{dir}}/in.sock
[OUTPUT]
    Name http
    Alias arrives
    Match *
    Host 127.0.0.1
    Port {port}
    Format json_lines
[OUTPUT]
    Name http
    Alias fails
    Match *
    Host 127.0.0.1
    Port 1
    Retry_Limit no_limits
"""


def with_router(tmp_path: Path, test: Callable[[Router, int], Any]) -> None:
    async def main() -> None:
        sink, port = HttpSink(), free_port()
        await sink.open()
        async with running(tmp_path, CONFIG.format(api=port, port=sink.port)) as router:
            writer = await connect(router)
            writer.write(b"".join(message("app", {"n": n}) for n in range(50)))
            await until(lambda: len(sink.lines()) == 50 and "retry" in router.said(), "it has traffic")
            await test(router, port)
        await sink.close()

    asyncio.run(main())


async def run(port: int, *args: str) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pyrolens", "top", "--port", str(port), *args), stdout=pipe, stderr=pipe
    )
    out, said = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode is not None
    return process.returncode, out.decode(), said.decode()


def test_text_and_json(tmp_path: Path) -> None:
    async def test(router: Router, port: int) -> None:
        status, out, said = await run(port, "--once", "--interval", "0.2")
        assert (status, said) == (0, "")
        assert f"at 127.0.0.1:{port}" in out
        assert re.search(r"^  output fails: \d+ records wait to be sent$", out, re.MULTILINE)
        arrives = next(line for line in out.splitlines() if line.startswith("arrives")).split()
        fails = next(line for line in out.splitlines() if line.startswith("fails")).split()
        assert (arrives[4], fails[4], fails[6]) == ("50", "0", "50")
        status, out, said = await run(port, "--json", "-n", "2", "--interval", "0.2")
        assert (status, said) == (0, "")
        frames = [json.loads(line) for line in out.splitlines()]
        assert len(frames) == 2
        assert frames[1]["outputs"][1]["waiting"] == 50
        assert frames[1]["outputs"][1]["lag"] > frames[0]["outputs"][1]["lag"] > 0
        assert frames[1]["inputs"][0]["records"] == {"total": 50, "new": 0, "per_second": 0.0}
        assert frames[1]["memory"] > 10_000_000
        await router.stop(signal.SIGKILL)
        status, out, said = await run(port, "--once")
        assert (status, out) == (1, "")
        assert f"no answer of the router at 127.0.0.1:{port}: Connection refused" in said

    with_router(tmp_path, test)


class Terminal:
    """A program in a terminal of 120 columns."""

    def __init__(self, *command: str, **env: str) -> None:
        self.master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", **env}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, close_fds=True, env=environment, start_new_session=True
        )
        os.close(slave)
        self.text = ""

    def press(self, keys: str) -> None:
        self.text = ""
        os.write(self.master, keys.encode())

    def until(self, found: Callable[[str], bool], what: str) -> str:
        """What came since the last key, without colours and moves."""
        ends = time.monotonic() + SECONDS
        while not found(self.text):
            assert time.monotonic() < ends, f"waited in vain until {what}: {self.text[-2000:]}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    data = os.read(self.master, 65536)
                except OSError:
                    break
                self.text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z]", "", data.decode(errors="replace"))
        return self.text

    def end(self) -> int:
        status = self.process.wait(SECONDS)
        os.close(self.master)
        return status


PLAIN = "import sys; sys.modules['rich.live'] = None; from pyrolens.cli import main; sys.exit(main(sys.argv[1:]))"
"""As if rich was not there."""


@pytest.mark.parametrize("program", [("-m", "pyrolens"), ("-c", PLAIN)], ids=["rich", "without rich"])
def test_keys_in_a_terminal(tmp_path: Path, program: tuple[str, str]) -> None:
    def rows(text: str) -> list[str]:
        return re.findall(r"^ *(arrives|fails)\b", text.rpartition("outputs")[2], re.MULTILINE)

    async def test(router: Router, port: int) -> None:
        command = (sys.executable, *program, "top", "--port", str(port), "--interval", "0.2")
        terminal = Terminal(*command)
        try:
            assert rows(terminal.until(lambda t: "sort by" in t and len(rows(t)) == 2, "it is shown")) == [
                "arrives", "fails",
            ]  # fmt: skip
            terminal.press("l")
            terminal.until(lambda t: rows(t) == ["fails", "arrives"], "it is sorted by lag")
            terminal.press("n")
            terminal.until(lambda t: rows(t) == ["arrives", "fails"], "it is as in the config")
            terminal.press("p")
            terminal.until(lambda t: " paused " in t and "go on" in t, "it is paused")
            terminal.press("\x1b[A")  # an arrow is no key of ours
            terminal.press(" ")
            terminal.until(lambda t: t.rpartition("quit")[2].startswith("  p pause"), "it goes on")
            # a router that is gone is said, and waited for
            await router.stop(signal.SIGKILL)
            terminal.press("s")
            terminal.until(lambda t: "no answer of the router" in t, "it is told")
            terminal.press("q")
            assert terminal.end() == 0
        finally:
            terminal.process.kill()

    with_router(tmp_path, test)


@pytest.mark.parametrize(
    ("width", "gone"),
    [(120, set()), (100, {"records"}), (90, {"records", "on disk"}), (60, {"records", "on disk", "bytes/s"})],
)
def test_a_narrow_terminal_goes_without_some_columns(width: int, gone: set[str]) -> None:
    outputs = tables(seen())[2]
    fits = fitting(outputs, width)
    assert set(outputs.columns) - set(fits.columns) == gone
    assert {len(row) for row in fits.rows} == {len(fits.columns) + 1}
    assert [row[-1] for row in fits.rows] == [row[-1] for row in outputs.rows]


@pytest.mark.parametrize("given", ["0", "x", "nan", "-1", "4000"])
def test_a_wrong_interval(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        top.main(["--interval", given])
    assert f"argument --interval: '{given}': expected seconds from 0.1 to 3600" in capsys.readouterr().err
