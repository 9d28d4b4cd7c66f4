"""Commands and what they print."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import Record
from pyrolens.inputs.exec import Exec, ExecSource
from pyrolens.records.event import SECOND
from tests.inputs.lent import Lent, run


def number(text: str) -> tuple[Record, int | None] | None:
    """A parser of `SECONDS TEXT`."""
    seconds, _, rest = text.partition(" ")
    return ({"rest": rest}, int(seconds) * SECOND) if seconds.isdigit() else None


def once(command: str, **options: Any) -> Lent:
    """What a command prints that is run once."""
    env = Lent("exec.0", "t", {"number": number})
    env.time = 7 * SECOND

    async def check() -> None:
        source = ExecSource(Exec(command=command, exit_after_oneshot=True, **options), env)
        await source.start()
        await env.until(lambda: bool(env.exits))
        await source.stop()

    run(check())
    return env


def test_each_line_is_a_record() -> None:
    env = once(r"printf 'one\n\n\377 two\nlast'; exit 3")
    assert env.events == [("t", 7 * SECOND, {"exec": text}) for text in ("one", "", "\udcff two", "last")]
    assert env.exits == [0]


def test_long_lines_become_several_records() -> None:
    env = once("printf '0123456789abc\\n0123456789'", buf_size=6)
    assert [r["exec"] for r in env.records] == ["01234", "56789", "abc", "01234", "56789"]


def test_a_parser() -> None:
    env = once("printf '5 x\\nno\\n6 y\\n'", parser="number")
    assert env.events == [("t", 5 * SECOND, {"rest": "x"}), ("t", 6 * SECOND, {"rest": "y"})]
    assert env.counts == {"refused_records": 1}


@pytest.mark.parametrize(
    ("command", "status"), [("exit 3", 3), ("true", 0), ("kill -9 $$", 137), ("no-such-thing", 127)]
)
def test_the_status_of_the_command(command: str, status: int) -> None:
    assert once(command + " 2>/dev/null", propagate_exit_code=True).exits == [status]


def test_it_runs_again_and_again(tmp_path: Path) -> None:
    async def check() -> None:
        env = Lent()
        source = ExecSource(Exec(command="echo x", interval_sec=0, interval_nsec=1_000_000), env)
        await source.start()
        await env.until_events(3)
        await source.stop()
        assert env.exits == []

    run(check())


def test_a_stop_ends_the_command_and_takes_what_it_said() -> None:
    async def check() -> None:
        env = Lent()
        source = ExecSource(Exec(command="trap 'echo bye; exit' TERM; echo hi; sleep 60 & wait", oneshot=True), env)
        await source.start()
        await env.until_events(1)
        async with asyncio.timeout(30):
            await source.stop()
        assert [r["exec"] for r in env.records] == ["hi", "bye"]
        assert source.process is None

    run(check())


def test_a_pause_makes_it_wait() -> None:
    async def check() -> None:
        env = Lent()
        source = ExecSource(Exec(command="echo 1; echo 2", oneshot=True), env)
        source.pause()
        await source.start()
        for _ in range(10):
            await asyncio.sleep(0)
        assert env.records == []
        source.resume()
        await env.until_events(2)
        await source.stop()

    run(check())


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 1.0), ({"interval_sec": 5}, 5.0), ({"interval_sec": 0}, 1.0), ({"interval_nsec": 500_000_000}, 1.5)],
)
def test_the_interval(options: dict[str, Any], seconds: float) -> None:
    assert Exec(command="x", **options).interval == seconds


def test_wrong_combinations() -> None:
    assert [o for o, _ in Exec(command="x", propagate_exit_code=True).check()] == ["propagate_exit_code"]


def test_an_unknown_parser_is_an_error_line() -> None:
    async def check() -> None:
        env = Lent()
        ExecSource(Exec(command="x", parser="nope"), env)
        assert [(level, fields) for level, _, fields in env.said.lines] == [("error", {"parser": "nope"})]

    run(check())
