"""The command tap, as its own process beside a router with traffic."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pyrolens.records.recorded import read_recorded
from pyrolens.tools import tap
from pyrolens.tools._records import printable, record_text
from tests.ports import free_port
from tests.running import SECONDS, Router, running

CONFIG = """
[SERVICE]
    flush 0.1
    http_server on
    http_port {port}
    hot_reload on
    http_token s3cret-token
[INPUT]
    Name dummy
    Tag app.web
    Alias web
    Rate 100
    Dummy {{"level":"error","n":1,"text":"\\u001b[31mred"}}
[INPUT]
    Name dummy
    Tag app.db
    Rate 100
    Dummy {{"level":"info","n":2}}
[FILTER]
    Name grep
    Alias only-errors
    Match *
    Regex level error
[OUTPUT]
    Name null
    Match *
"""


class Tap:
    """A command, and the router beside it."""

    def __init__(self, router: Router, port: int) -> None:
        self.router, self.port = router, port

    async def start(self, *args: str, **env: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pyrolens", "tap", "--port", str(self.port), *args),
            stdout=pipe, stderr=pipe, env={**os.environ, **env},
        )  # fmt: skip

    async def run(self, *args: str, **env: str) -> tuple[int, list[str], str]:
        """Status, lines of standard output, standard error."""
        process = await self.start(*args, **env)
        out, said = await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode is not None
        return process.returncode, out.decode().splitlines(), said.decode()


def with_tap(tmp_path: Path, test: Callable[[Tap], Awaitable[None]]) -> None:
    async def main() -> None:
        port = free_port()
        async with running(tmp_path, CONFIG.format(port=port)) as router:
            await test(Tap(router, port))

    asyncio.run(main())


async def first(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    return (await asyncio.wait_for(stream.readline(), SECONDS)).decode()


def test_records_as_text_and_as_json(tmp_path: Path) -> None:
    async def test(it: Tap) -> None:
        status, lines, said = await it.run("web", "-n", "3", "--color", "never")
        assert status == 0
        assert len(lines) == 3
        assert lines[0][4] == "-"
        assert lines[0].split(" ", 2)[2] == 'app.web {"level": "error", "n": 1, "text": "\\u001b[31mred"}'
        begun, end = said.splitlines()
        where = f"127.0.0.1:{it.port}"
        assert begun == f"# listening to {where}: input:web, for 300 seconds, 100 records a second at most"
        assert end == "# so many were asked for; 3 of 3 records shown"
        args = ("--json", "--count", "5", "--tag", "app.*", "--field", "level=err*", "-q", "input:*", "output:*")
        status, lines, said = await it.run(*args)
        assert (status, said) == (0, "")
        read = [read_recorded(line) for line in lines]
        assert [one.tag for one in read if one] == ["app.web"] * 5
        assert {one.point for one in read if one} == {"input:web", "output:null.0"}
        status, lines, _ = await it.run("--list")
        assert (status, lines) == (
            0, ["input:web", "input:dummy.1", "before:only-errors", "after:only-errors", "output:null.0"],
        )  # fmt: skip
        assert json.loads((await it.run("--list", "--json"))[1][0]) == lines

    with_tap(tmp_path, test)


def test_what_it_records_is_a_sample_for_diff_and_test(tmp_path: Path) -> None:
    async def test(it: Tap) -> None:
        _, lines, _ = await it.run("--json", "-n", "10")
        (tmp_path / "sample.jsonl").write_text("\n".join(lines) + "\n")

    with_tap(tmp_path, test)
    old, new = tmp_path / "router.conf", tmp_path / "new.conf"
    new.write_text(old.read_text().replace("Regex level error", "Regex level info"))
    said = pyrolens("diff", str(old), str(new), "--sample", str(tmp_path / "sample.jsonl"))
    assert (said.returncode, said.stdout.splitlines()[0]) == (1, "10 of 10 lines differ"), said.stderr
    (tmp_path / "routing.pyrolens.yaml").write_text(
        "subject: router.conf\ntests:\n  - name: errors pass\n    given: {recorded: sample.jsonl}\n"
        "    expect:\n      nothing_else: false\n      to: {null.0: NUMBER}\n".replace("NUMBER", str(errors(tmp_path)))
    )
    said = pyrolens("test", str(tmp_path))
    assert (said.returncode, said.stderr) == (0, ""), said.stdout


def errors(folder: Path) -> int:
    """In the sample."""
    return sum('"level":"error"' in line for line in (folder / "sample.jsonl").read_text().splitlines())


def pyrolens(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pyrolens", *args], capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_what_is_not_shown_is_told(tmp_path: Path) -> None:
    async def test(it: Tap) -> None:
        status, lines, said = await it.run("--for", "0.5s", "--rate", "4", "--every", "2", "--text", "red")
        assert status == 0
        assert 1 <= len(lines) <= 8
        end = said.splitlines()[-1]
        assert end.startswith(f"# the time is over; {len(lines)} of ")
        for part in ("over the rate (--rate)", "between samples (--every)", "not asked for"):
            assert part in end
        numbers = [int(word.replace(",", "")) for word in end.split() if word.replace(",", "").isdigit()]
        assert numbers[0] + sum(numbers[2:]) == numbers[1]

    with_tap(tmp_path, test)


def test_a_reload_the_end_of_the_router_and_that_of_the_reader(tmp_path: Path) -> None:
    async def test(it: Tap) -> None:
        stopped = await it.start("--for", "1h", "--color", "always")
        piped = await it.start("--json")
        goes_on = await it.start("output:null.0", "--json")
        for one in (stopped, piped, goes_on):
            await first(one.stderr)
        assert "\x1b[32mapp." in await first(stopped.stdout)
        assert "\x1b[31m" not in await first(stopped.stdout)
        stopped.send_signal(signal.SIGINT)
        _, said = await asyncio.wait_for(stopped.communicate(), SECONDS)
        assert (stopped.returncode, said[:15]) == (0, b"# stopped here;")
        # who read it has gone
        await first(piped.stdout)
        piped._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        assert await asyncio.wait_for(piped.wait(), SECONDS) == 1
        assert "nobody reads this any more" in await first(piped.stderr)
        # loaded again, and the end
        os.kill(it.router.pid, signal.SIGHUP)
        assert (await first(goes_on.stderr)).startswith("# the config was loaded again; listening to ")
        await first(goes_on.stdout)
        await it.router.stop()
        _, said = await asyncio.wait_for(goes_on.communicate(), SECONDS)
        assert (goes_on.returncode, said[:18]) == (0, b"# the router stops")

    with_tap(tmp_path, test)


def test_a_router_that_is_killed_or_not_there(tmp_path: Path) -> None:
    async def test(it: Tap) -> None:
        process = await it.start()
        await first(process.stdout)
        await it.router.stop(signal.SIGKILL)
        _, said = await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode == 1
        assert "# the router has gone; " in said.decode() or "is lost" in said.decode()
        status, lines, told = await it.run()
        assert (status, lines) == (1, [])
        assert f"no answer of the router at 127.0.0.1:{it.port}: Connection refused" in told
        assert "hint: HTTP_Server On in [SERVICE]" in told

    with_tap(tmp_path, test)


def test_what_is_refused_by_the_router(tmp_path: Path) -> None:
    async def test(it: Tap) -> None:
        status, lines, said = await it.run("after:only-error")
        assert (status, lines) == (1, [])
        assert said.startswith("pyrolens tap: there is no such point: after:only-error; did you mean")
        assert "hint: there are input:web, input:dummy.1, before:only-errors" in said
        status, _, said = await it.run("--regex", "(a+)+$")
        assert (status, "can take very long" in said) == (1, True)
        status, _, said = await it.run(PYROLENS_HTTP_TOKEN="wrong")
        assert (status, "hint: set PYROLENS_HTTP_TOKEN" in said) == (1, True)
        status, lines, said = await it.run("-n", "1", PYROLENS_HTTP_TOKEN="s3cret-token")
        assert (status, len(lines)) == (0, 1)
        assert "s3cret" not in said + it.router.said()

    with_tap(tmp_path, test)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--for", "2h"], "argument --for: '2h': expected a time such as 30s, 10m or 1h, which is the most"),
        (["--for", "soon"], "argument --for: 'soon': expected"),
        (["--rate", "-1"], "argument --rate: '-1': expected a number from 0 to 10000"),
        (["-n", "0"], "argument -n/--count: '0': expected a whole number from 1"),
    ],
)
def test_a_wrong_command_line(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        tap.main(args)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本", "plain é 日本"), ("\x1b[2J", "\\u001b[2J"), ("\x9b1m", "\\u009b1m"), ("a\u202eb", "a\\u202eb"),
        ("\U000e0001", "\\udb40\\udc01"), ("\x7f", "\\u007f"),
    ],
)  # fmt: skip
def test_nothing_steers_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert "\x1b[2J" not in record_text({text: [text, {"a": text}]}, True)
    assert json.loads(record_text({"a": text}, False)) == {"a": text}
