"""How long the oldest has been waiting for an output, wherever it waits."""

import asyncio
from pathlib import Path

import pytest

from pyrolens.delivery import buffer, outcome
from pyrolens.delivery import spool as spools
from pyrolens.delivery.outcome import Chunk, Limits, Outcome
from tests.delivery.test_delivery import Run, Script
from tests.delivery.test_spool import spool_in, stored


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (buffer, outcome, spools):
        monkeypatch.setattr(module, "monotonic", made)
    return made


def test_in_the_buffer_under_way_and_waiting_for_a_retry(clock: Clock) -> None:
    async def main() -> None:
        down = True
        answer = lambda chunk: Outcome.again(chunk, "down", after=3600) if down else Outcome()  # noqa: E731
        run = Run(Script(answer, Limits(items=2, calls=1)), limit=None)
        assert run.delivery.oldest is None
        run.feed(1)
        clock.now = 110
        run.feed(2)
        assert run.delivery.oldest == 100
        clock.now = 120
        run.feed(3)
        for _ in range(5):
            await asyncio.sleep(0)
        run.delivery.flush()
        assert run.counters.retries == 1
        counted = run.counters.waiting_records, run.counters.waiting_chunks
        assert counted == (3, 2), "one waits for its retry, one is under way"
        assert run.delivery.oldest == 100
        down = False
        await run.end()
        assert run.delivery.oldest is None
        assert (run.delivery.left(), run.counters.waiting_records, run.counters.waiting_chunks) == ((0, 0), 0, 0)

    asyncio.run(main())


def test_what_is_sent_again_in_part_is_as_old_as_the_whole(clock: Clock) -> None:
    async def main() -> None:
        answers = [Outcome(), Outcome(retry=[1], reason="one", after=3600)]
        run = Run(Script(lambda chunk: answers.pop(), Limits(items=2, calls=1)), limit=None)
        run.feed(1, 2)
        run.delivery.flush()
        clock.now = 200
        for _ in range(5):
            await asyncio.sleep(0)
        assert run.counters.records == 1
        assert run.delivery.oldest == 100
        await run.end()

    asyncio.run(main())


def test_on_disk_and_from_an_earlier_run(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        down = lambda chunk: Outcome.again(chunk, "down", after=3600)  # noqa: E731
        run = stored(Run(Script(down, Limits(items=1, calls=1)), limit=None), spool_in(tmp_path / "o"))
        for clock.now in (100.0, 101.0, 102.0):
            run.feed(1)
            run.delivery.flush()
            await asyncio.sleep(0)
        assert run.delivery.spool
        assert run.delivery.spool.chunks >= 2
        assert run.delivery.oldest == 100
        run.delivery.leave()
        await run.delivery.close()
        clock.now = 500
        spool = spool_in(tmp_path / "o")
        later = stored(Run(Script(limits=Limits(items=1, calls=1))), spool, share=10**6)
        assert (spool.chunks, later.delivery.oldest) == (3, 500)
        clock.now = 600
        later.feed(2)
        later.delivery.flush()
        assert later.delivery.oldest == 500
        later.delivery.resume()
        await later.end()
        assert spool.oldest is None
        assert not later.delivery.unfinished

    asyncio.run(main())


def test_the_oldest_on_disk_is_the_next_to_be_read(tmp_path: Path) -> None:
    spool = spool_in(tmp_path / "o")
    for n in (100.0, 101.0, 102.0):
        assert spool.put(Chunk("t", [b"x"], 1, 1, f"{n}", born=n))
    for n in (100.0, 101.0, 102.0):
        assert spool.oldest == n
        taken = spool.take()
        assert taken
        assert taken[0].born == n
    assert spool.oldest is None
    spool.close()
