"""What a listener is shown, and what it is told of the rest."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from pyrolens.records.event import Event
from pyrolens.records.recorded import read_recorded
from pyrolens.service import listener as module
from pyrolens.service.listener import Counts, Listener
from pyrolens.service.wanted import Wanted


def events(*numbers: int, size: int = 0) -> list[Event]:
    return [(n, {"n": n, "text": "x" * size}) for n in numbers]


async def all_of(listener: Listener) -> list[Any]:
    found = []
    while part := await listener.next():
        assert part.endswith(b"\n")
        found += [json.loads(line) for line in part.splitlines()]
    return found


def shown(wanted: Wanted, see: Callable[[Listener], None]) -> tuple[list[int], Counts]:
    """The numbers of the records that are shown, and what the end says."""

    async def main() -> tuple[list[int], Counts]:
        listener = Listener(wanted, lambda _: None)
        see(listener)
        listener.end("enough")
        *lines, end = await all_of(listener)
        said = end["tap"]
        assert said.pop("event") == "end"
        said.pop("why")
        return [line["record"]["n"] for line in lines if "record" in line], Counts(**said)

    return asyncio.run(main())


def test_lines_can_be_read_again() -> None:
    async def main() -> None:
        listener = Listener(Wanted(tag=["app.*"]), lambda _: None)
        listener.see("output:s3", "app.web", [(7, {"a": 1})])
        listener.see("output:s3", "db", [(8, {"a": 2})])
        read = read_recorded(await listener.next())
        assert read is not None
        assert (read.tag, read.event, read.point) == ("app.web", (7, {"a": 1}), "output:s3")
        assert listener.counts == Counts(seen=1, shown=1)

    asyncio.run(main())


def test_each_nth_of_those_that_match() -> None:
    def see(listener: Listener) -> None:
        for start in range(0, 40, 4):
            listener.see("p", "t", events(*range(start, start + 4)))

    wanted = Wanted(every=3, rate=0)
    assert shown(wanted, see) == (list(range(0, 40, 3)), Counts(seen=40, shown=14, every=26))
    assert shown(Wanted(every=2, rate=0, field=["n~[05]$"]), see)[0] == [0, 10, 20, 30]


def test_no_more_than_the_rate() -> None:
    numbers, counts = shown(Wanted(rate=5), lambda it: it.see("p", "t", events(*range(50))))
    assert numbers == [0, 1, 2, 3, 4]
    assert counts == Counts(seen=50, shown=5, rate=45)


def test_the_rate_is_there_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(module, "monotonic", lambda: now)

    def see(listener: Listener) -> None:
        nonlocal now
        for seconds in (0.0, 0.5, 100.0):
            now += seconds
            listener.see("p", "t", events(*range(4)))

    assert shown(Wanted(rate=2), see)[0] == [0, 1, 0, 0, 1]


def test_who_does_not_read_is_told_how_many_there_was_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 1000)
    numbers, counts = shown(Wanted(rate=0), lambda it: it.see("p", "t", events(*range(50), size=100)))
    assert 3 < len(numbers) < 10
    assert counts == Counts(seen=50, shown=len(numbers), room=50 - len(numbers))


def test_a_record_that_is_too_large_is_counted() -> None:
    numbers, counts = shown(Wanted(), lambda it: it.see("p", "t", [*events(1, size=600_000), *events(2)]))
    assert (numbers, counts) == ([2], Counts(seen=2, shown=1, room=1))


def test_it_has_a_share_of_the_routers_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def slow() -> float:
        nonlocal now
        now += 0.03
        return now

    monkeypatch.setattr(module, "perf_counter", slow)
    numbers, counts = shown(Wanted(rate=0), lambda it: it.see("p", "t", events(*range(2000))))
    # a tenth of a second: four times 0.03 s are more
    assert (len(numbers), counts) == (4 * 256, Counts(seen=2000, shown=4 * 256, time=2000 - 4 * 256))


def test_the_end_after_so_many() -> None:
    async def main() -> None:
        left: list[Listener] = []
        listener = Listener(Wanted(count=2), left.append)
        listener.see("p", "t", events(1))
        assert left == []
        listener.see("p", "t", events(2, 3, 4))
        listener.see("p", "t", events(5))
        assert left == [listener]
        one, two, end = await all_of(listener)
        assert [one["record"]["n"], two["record"]["n"]] == [1, 2]
        assert end == {"tap": {"event": "end", "why": "so many were asked for", **asdict(Counts(seen=4, shown=2))}}
        listener.close()
        assert left == [listener]

    asyncio.run(main())


def test_the_time_is_over_and_meanwhile_it_is_said_what_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TELL", 0.02)
    monkeypatch.setattr(module, "ALIVE", 0.05)

    async def main() -> None:
        listener = Listener(Wanted(seconds=0.3, rate=1), lambda _: None)
        listener.see("p", "t", events(1, 2))
        record, *said, end = await all_of(listener)
        assert record["record"]["n"] == 1
        assert end["tap"]["why"] == "the time is over"
        # what changed once, and then that it goes on
        assert 2 <= len(said) <= 8
        assert {line["tap"]["event"] for line in said} == {"counts"}
        assert said[0]["tap"]["rate"] == 1

    asyncio.run(main())
