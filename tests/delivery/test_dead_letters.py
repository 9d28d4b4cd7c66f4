"""What is refused or given up is kept with its tag, time and reason."""

import asyncio
import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pyrolens.delivery.dead_letters import InFolder, ToOutput
from pyrolens.delivery.delivery import GONE
from pyrolens.delivery.outcome import DELIVERED, Chunk, Limits, Outcome
from pyrolens.delivery.receipt import Receipt
from pyrolens.records.event import Event
from tests.delivery.test_delivery import Run, Script


class Kept:
    def __init__(self, fails: bool = False) -> None:
        self.letters: list[tuple[str, Event, str]] = []
        self.fails = fails
        self.closed = 0

    def put(self, tag: str, event: Event, reason: str, receipt: Receipt | None) -> None:
        if self.fails:
            raise OSError("no space left on device")
        self.letters.append((tag, event, reason))

    def close(self) -> None:
        self.closed += 1


def run(sink: Script, kept: Kept, limit: int | None = 1) -> Run:
    made = Run(sink, limit)
    made.delivery.dead = kept
    return made


def test_refused_and_given_up_records_are_kept_and_the_others_are_not() -> None:
    async def main() -> None:
        answers = [Outcome(retry=[0], rejected={2: "too old"}, reason="busy"), *[None] * 3]

        def answer(chunk: Chunk) -> Outcome:
            return answers.pop(0) or Outcome.again(chunk, "HTTP 500")

        kept = Kept()
        books = run(Script(answer), kept)
        books.feed(1, 2, 3, 4)
        await books.end()
        assert kept.letters == [("t", (0, {"n": 3}), "too old"), ("t", (0, {"n": 1}), "HTTP 500")]
        c = books.counters
        assert (c.records, c.dropped_records, c.counters) == (2, 2, {"dead_letters": 2})
        assert (books.settled, kept.closed) == (1, 1)

    asyncio.run(main())


def test_the_right_records_are_kept_when_calls_are_small() -> None:
    async def main() -> None:
        def answer(chunk: Chunk) -> Outcome:
            return Outcome(rejected={i: "odd" for i, item in enumerate(chunk.items) if int(item) % 2})

        kept = Kept()
        books = run(Script(answer, Limits(items=3)), kept)
        books.feed(*range(10))
        books.feed(*range(10, 20), tag="u")
        await books.end()
        assert sorted(r["n"] for _, (_, r), _ in kept.letters) == list(range(1, 20, 2))
        assert {tag for tag, (_, r), _ in kept.letters if r["n"] >= 10} == {"u"}

    asyncio.run(main())


def test_what_cannot_be_encoded_is_kept() -> None:
    async def main() -> None:
        kept = Kept()
        books = run(sink := Script(), kept)
        books.delivery.door("t")([(5, {"other": 1}), (6, {"n": 2})], Receipt(1, lambda _: None))
        await books.end()
        assert [(tag, event) for tag, event, _ in kept.letters] == [("t", (5, {"other": 1}))]
        assert sink.got == [b"2"]

    asyncio.run(main())


def test_what_is_left_at_the_end_is_kept() -> None:
    async def main() -> None:
        kept = Kept()
        sink = Script(lambda chunk: Outcome.again(chunk, "busy", after=3600), Limits(items=1, calls=1))
        books = run(sink, kept, limit=None)
        books.feed(1, 2)
        books.delivery.flush()
        while len(sink.calls) < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        books.feed(3)
        books.delivery.leave()
        await books.delivery.close()
        assert sorted((r["n"], why) for _, (_, r), why in kept.letters) == [
            (1, GONE),
            (2, GONE),
            (3, GONE),
        ]

    asyncio.run(main())


def test_a_dead_letter_that_cannot_be_kept_is_said() -> None:
    async def main() -> None:
        books = run(Script(lambda chunk: Outcome.reject(chunk, "bad")), Kept(fails=True))
        books.feed(1)
        await books.end()
        assert books.counters.counters == {}
        assert [(what.split(",")[-1], f["reason"]) for level, what, f in books.log.lines if level == "error"][1:] == [
            (" and waits until it can", "no space left on device"),
            (" and are lost", "no space left on device"),
        ]
        assert books.settled == 0, "who sent it is not told that it arrived"

    asyncio.run(main())


def test_a_dead_letter_waits_for_the_disk_and_its_batch_for_the_letter() -> None:
    async def main() -> None:
        kept = Kept(fails=True)
        books = run(Script(lambda chunk: Outcome.reject(chunk, "bad")), kept)
        books.feed(1)
        books.feed(2)
        await asyncio.wait_for(books.delivery.drain(), 60)
        assert (books.settled, kept.letters) == (0, [])
        assert sum(level == "error" and "waits" in what for level, what, _ in books.log.lines) == 1
        kept.fails = False
        books.delivery.flush()
        assert [event[1]["n"] for _, event, _ in kept.letters] == [1, 2]
        assert (books.settled, books.counters.counters) == (2, {"dead_letters": 2})
        await books.end()

    asyncio.run(main())


def test_a_batch_is_settled_once_its_dead_letters_have_arrived_elsewhere() -> None:
    async def main() -> None:
        gate = asyncio.Event()
        other = Run(sink := Script())
        sink.gate = gate.wait  # type: ignore[assignment]
        books = Run(Script(lambda chunk: Outcome.reject(chunk, "bad")))
        books.delivery.dead = ToOutput(other.delivery.door, "first")
        books.feed(1)
        await asyncio.wait_for(books.delivery.drain(), 60)
        other.delivery.flush()
        assert books.settled == 0
        gate.set()
        await other.end()
        assert (books.settled, sink.got) == (1, [b"1"])
        await books.end()

    asyncio.run(main())


def test_a_line_that_was_not_written_to_its_end_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = InFolder(str(tmp_path), "x")
    letters.put("t", (1, {"n": 1}), "why")
    real, room = os.write, [10]

    def full(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(fd, data[: room[0]])
        room[0] -= written
        return written

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            letters.put("t", (2, {"n": 2}), "why")
    letters.put("t", (3, {"n": 3}), "why")
    letters.close()
    file = tmp_path / "x.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:30])  # the process ended
    again = InFolder(str(tmp_path), "x")
    again.put("t", (4, {"n": 4}), "why")
    again.close()
    assert [json.loads(line)["record"]["n"] for line in file.read_bytes().splitlines()] == [1, 3, 4]


def test_what_no_json_can_hold_is_kept_as_text(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(3000):
        deep = [deep]
    letters = InFolder(str(tmp_path), "x")
    letters.put("t", (1, {"deep": deep}), "why")
    letters.close()
    (line,) = (tmp_path / "x.jsonl").read_bytes().splitlines()
    assert json.loads(line)["tag"] == "t"


def test_a_folder_has_a_line_for_each_and_is_for_the_owner_only(tmp_path: Path) -> None:
    letters = InFolder(str(tmp_path / "dead"), "http.0")
    odd: dict[str, Any] = {"log": "caf\udce9", "n": float("nan")}
    letters.put("app", (1_780_000_000_000_000_001, {"log": "é", "m": {"k": [1, b"x"]}}), "HTTP 400")
    letters.put("app", (5, odd), 'a "quoted" reason')
    letters.close()
    again = InFolder(str(tmp_path / "dead"), "http.0")
    again.put("b", (6, {}), "x")
    again.close()
    file = tmp_path / "dead" / "http.0.jsonl"
    first, second, third = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert first == {
        "tag": "app", "time": 1_780_000_000_000_000_001, "output": "http.0", "reason": "HTTP 400",
        "record": {"log": "é", "m": {"k": [1, "x"]}},
    }  # fmt: skip
    assert (second["reason"], second["record"]["n"], third["tag"]) == ('a "quoted" reason', None, "b")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_wish_nothing_is_kept_and_nothing_is_paid() -> None:
    async def main() -> None:
        books = Run(Script(lambda chunk: DELIVERED))
        books.feed(1)
        (buffer,) = books.delivery._buffers.values()
        assert buffer.origins is None
        await books.end()

    asyncio.run(main())


@pytest.mark.parametrize("throttled", [3, 10])
def test_throttling_is_no_failure_while_the_destination_takes_others(throttled: int) -> None:
    async def main() -> None:
        count = 0

        def answer(chunk: Chunk) -> Outcome:
            nonlocal count
            count += 1
            if 1 < count <= 1 + throttled:
                return Outcome.again(chunk, "slow down", after=0.0, slow_down=True)
            return DELIVERED

        books = Run(sink := Script(answer, Limits(items=1)), limit=1)
        books.delivery.pace.throttled = lambda now, share=1.0: None  # type: ignore[method-assign]
        books.feed(*range(5))
        books.delivery.flush()
        while books.delivery.left() != (0, 0):
            await asyncio.sleep(0)
        assert sorted(sink.got) == [b"0", b"1", b"2", b"3", b"4"]
        assert books.counters.dropped_records == 0

    asyncio.run(main())
