"""What waits on disk: nothing lost, nothing doubled, in order, and the memory bounded."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.delivery.memory import cost
from pyrolens.delivery.outcome import DELIVERED, Chunk, Limits, Outcome, Parcel
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.delivery.spool import PASSING, Spool
from pyrolens.store.disk import Disk
from pyrolens.store.log import Log
from tests.delivery.test_delivery import Run, Script, numbers
from tests.store.broken import Broken


def spool_in(folder: Path, disk: Disk | None = None, said: list[OSError | None] | None = None) -> Spool:
    aside = folder.parent / "damaged"
    log = Log(folder, lambda what, why: None, disk, reads_own=True, most=500, aside=aside, forgets=PASSING)
    log.open()
    return Spool(log, (lambda why: None) if said is None else said.append)


def stored(run: Run, spool: Spool, share: int = 0) -> Run:
    run.delivery.spool = spool
    run.delivery.share = share
    return run


async def until(true: Any) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0)


def test_what_is_more_than_the_share_waits_on_disk_and_is_settled(tmp_path: Path) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        sink = Script(limits=Limits(items=1, calls=1))
        sink.gate = gate.wait  # type: ignore[assignment]
        run = stored(Run(sink), spool_in(tmp_path / "o"), share=2000)
        for n in range(50):
            run.feed(n)
            run.delivery.flush()
        spool = run.delivery.spool
        assert spool
        c = run.counters
        assert (spool.records, c.stored_records, c.stored_chunks) == (run.settled, run.settled, run.settled)
        assert 40 <= run.settled < 50, "a chunk on disk is settled"
        assert run.delivery.used == run.delivery.memory.used <= 2000 + 700
        gate.set()
        await run.end()
        assert numbers(sink.got) == list(range(50)), "in order"
        assert (run.settled, c.records, c.stored_records, run.delivery.used) == (50, 50, 0, 0)
        assert not (tmp_path / "o").exists()

    asyncio.run(main())


def test_the_next_run_begins_with_what_was_parked_and_in_order(tmp_path: Path) -> None:
    async def first() -> None:
        sink = Script(lambda chunk: Outcome.again(chunk, "down"), Limits(items=1))
        run = stored(Run(sink, limit=None), spool_in(tmp_path / "o"), share=2500)
        run.delivery.policy = RetryPolicy(None, 3600.0, 3600.0)
        for n in range(30):
            run.feed(n)
            run.delivery.flush()
        await until(lambda: sink.calls)
        assert 0 < run.settled < 30
        run.feed(30)  # in a buffer
        assert run.delivery.leave() == 0
        await run.delivery.close()
        assert run.settled == 31
        assert run.counters.counters["parked_records"] + 31 - run.fed > 0
        assert run.delivery.left() == (0, 0)

    async def second() -> None:
        run = stored(Run(sink := Script(limits=Limits(items=1, calls=1))), spool_in(tmp_path / "o"))
        run.delivery.resume()
        run.feed(99)
        run.delivery.flush()
        await run.end()
        # what was in a buffer comes with what was in memory, in front of what was on disk
        assert sorted(numbers(sink.got)) == [*range(31), 99]
        on_disk = [n for n in numbers(sink.got) if n not in (30, 99)]
        assert on_disk == list(range(30))
        assert numbers(sink.got)[-1] == 99, "new records come behind"

    asyncio.run(first())
    asyncio.run(second())
    assert not (tmp_path / "o").exists()


def test_a_destination_that_takes_others_gets_them_past_those_that_fail(tmp_path: Path) -> None:
    """Chunks that wait for their retry do not fill the memory for ever."""

    async def main() -> None:
        def answer(chunk: Chunk) -> Outcome:
            return Outcome.again(chunk, "denied", after=3600) if chunk.key == "bad" else DELIVERED

        run = stored(Run(sink := Script(answer, Limits(items=1, calls=1)), limit=None), spool_in(tmp_path / "o"), 3000)
        for n in range(40):
            run.feed(n, tag="bad")
        run.feed(100, tag="good")
        run.delivery.flush()
        for n in range(101, 140):
            run.feed(n, tag="good")
            run.delivery.flush()
        async with asyncio.timeout(10):
            while len(sink.got) < 40:
                run.delivery.flush()
                await asyncio.sleep(0)
        assert sorted(numbers(sink.got)) == list(range(100, 140))
        assert run.delivery.used < 6000

    asyncio.run(main())


@pytest.mark.parametrize("dead", [False, True])
def test_over_its_limit_the_oldest_go(tmp_path: Path, dead: bool) -> None:
    async def main() -> None:
        letters: list[int] = []

        class Letters:
            def put(self, tag: str, event: Any, reason: str, receipt: Receipt | None) -> None:
                letters.append(event[1]["n"])
                assert "storage.total_limit_size" in reason

            def close(self) -> None: ...

        sink = Script(lambda chunk: Outcome.again(chunk, "down", after=3600), Limits(items=1, calls=1))
        run = stored(Run(sink, limit=None), spool_in(tmp_path / "o"), share=1500)
        run.delivery.most = 300
        if dead:
            run.delivery.dead = Letters()
        for n in range(60):
            run.feed(n)
            run.delivery.flush()
            await asyncio.sleep(0)
        c = run.counters
        waiting = run.delivery.left()[0] + (run.delivery.spool.records if run.delivery.spool else 0)
        assert c.dropped_records + waiting == 60
        assert c.dropped_records == c.counters["evicted_chunks"] > 0
        assert run.delivery.left()[1] + c.stored_bytes <= 300
        assert len(set(letters)) == len(letters) == (c.dropped_records if dead else 0)
        await run.delivery.close()

    asyncio.run(main())


def test_a_ring_drops_the_oldest_of_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        run = Run(Script(lambda chunk: Outcome.again(chunk, "down", after=3600), Limits(items=2, calls=1)), limit=None)
        mine = object()
        fates: list[int] = []

        def feed(n: int, owner: object) -> None:
            receipt = Receipt(1, lambda _: fates.append(n), owner)
            run.delivery.door("t")([(0, {"n": n})], receipt)
            receipt.release()

        for n, owner in ((1, mine), (2, None), (3, mine), (4, mine), (5, mine)):
            feed(n, owner)
        assert run.delivery.drop_oldest(mine)
        assert fates == [3, 4], "the chunk with a record of another stays"
        assert run.delivery.drop_oldest(mine)
        assert run.delivery.drop_oldest(mine) is None
        assert fates == [3, 4, 5]
        assert run.counters.dropped_records == 3
        await run.delivery.close()

    asyncio.run(main())


def test_while_the_disk_is_full_chunks_wait_in_memory_and_keep_their_order(tmp_path: Path) -> None:
    async def main() -> None:
        disk, said = Broken(), list[OSError | None]()
        gate = asyncio.Event()
        sink = Script(limits=Limits(items=1, calls=1))
        sink.gate = gate.wait  # type: ignore[assignment]
        run = stored(Run(sink), spool_in(tmp_path / "o", disk, said), share=1500)
        for n in range(40):
            disk.room = 0 if 10 <= n < 30 else None
            run.feed(n)
            run.delivery.flush()
        assert next(why.strerror if why else "" for why in said) == "No space left on device"
        assert said[-1] is None
        disk.room = 0
        for n in range(40, 45):
            run.feed(n)
            run.delivery.flush()
        assert said[-1] is not None
        gate.set()
        await run.end()
        assert numbers(sink.got) == list(range(45))
        assert said[-1] is None
        assert (run.settled, run.delivery.used) == (45, 0)

    asyncio.run(main())


def test_what_cannot_be_parked_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        disk = Broken()
        sink = Script(lambda chunk: Outcome.again(chunk, "down", after=3600), Limits(items=1))
        run = stored(Run(sink, limit=None), spool_in(tmp_path / "o", disk), share=10**6)
        run.feed(1, 2)
        disk.room = 60
        assert run.delivery.leave() == 1
        await run.delivery.close()

    asyncio.run(main())


def test_a_receipt_that_waits_for_delivery_is_not_settled_by_the_disk(tmp_path: Path) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        sink = Script(limits=Limits(items=1, calls=1))
        sink.gate = gate.wait  # type: ignore[assignment]
        run = stored(Run(sink), spool_in(tmp_path / "o"))
        settled: list[int] = []
        for n in range(5):
            receipt = Receipt(1, lambda _, n=n: settled.append(n), firm=True)  # type: ignore[misc]
            run.delivery.door("t")([(0, {"n": n})], receipt)
            receipt.release()
            run.delivery.flush()
        assert run.counters.stored_records == 4
        assert settled == []
        gate.set()
        await run.end()
        assert settled == list(range(5))

    asyncio.run(main())


def test_what_its_senders_still_have_is_nothing_to_the_next_run(tmp_path: Path) -> None:
    """It is in the spool to save memory; after a crash its senders, who were told nothing, send it again."""

    async def main() -> None:
        sink = Script(lambda chunk: Outcome.again(chunk, "down", after=3600), Limits(items=1, calls=1))
        run = stored(Run(sink, limit=None), spool_in(tmp_path / "o"))
        for n in range(10):
            receipt = Receipt(1, lambda _: None, firm=n % 2 == 0)
            run.delivery.door("t")([(0, {"n": n})], receipt)
            receipt.release()
            run.delivery.flush()
        assert run.counters.stored_records == 9
        # a crash: nothing is closed
        later = spool_in(tmp_path / "o")
        assert later.records == 5
        found = []
        while (one := later.take()) is not None:
            found += numbers(one[0].items)
            for each in one[0].receipts:
                each.release()
        assert found == [1, 3, 5, 7, 9]
        later.close()
        assert not (tmp_path / "o").exists(), "nothing is left of it"
        await run.delivery.close()

    asyncio.run(main())


def test_at_a_stop_they_are_left_to_their_senders(tmp_path: Path) -> None:
    async def main(spool: Spool | None) -> dict[str, int]:
        sink = Script(lambda chunk: Outcome.again(chunk, "down", after=3600), Limits(items=1, calls=1))
        run = Run(sink, limit=None)
        run.delivery.spool, run.delivery.share = spool, 10**6
        settled: list[int] = []
        for n in range(6):
            receipt = Receipt(1, lambda _, n=n: settled.append(n), firm=n % 2 == 0)  # type: ignore[misc]
            run.delivery.door("t")([(0, {"n": n})], receipt)
            receipt.release()
        assert run.delivery.leave() == (0 if spool else 3)
        assert all(n % 2 for n in settled), "nobody is told that it arrived"
        await run.delivery.close()
        assert run.counters.dropped_records == (0 if spool else 3)
        return run.counters.counters

    assert asyncio.run(main(spool_in(tmp_path / "o"))) == {"unacknowledged_records": 3, "parked_records": 3}
    assert spool_in(tmp_path / "o").records == 3
    assert asyncio.run(main(None)) == {"unacknowledged_records": 3}


def test_a_chunk_that_goes_to_disk_twice_is_still_its_senders(tmp_path: Path) -> None:
    spool = spool_in(tmp_path / "o")
    settled: list[int] = []
    receipt = Receipt(1, lambda _: settled.append(1), firm=True)
    spool.put(Chunk("t", [b"1"], 1, 1, "1", 0, [receipt]))
    found = spool.take()
    assert found is not None
    spool.put(found[0])
    assert spool_in(tmp_path / "o").records == 0
    found = spool.take()
    assert found is not None
    assert settled == []
    for each in found[0].receipts:
        each.release()
    assert settled == [1]


def test_what_cannot_be_understood_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        spool = spool_in(tmp_path / "o")
        spool.log.append(3, 7, b"\xc1")
        spool.put(Chunk("t", [b"1"], 1, 1, "1"))
        run = stored(Run(sink := Script()), spool)
        run.delivery.resume()
        await run.end()
        assert numbers(sink.got) == [1]
        assert run.log.lines[0][2]["reason"] == "7 records on disk cannot be understood"
        assert not (tmp_path / "o").exists()

    asyncio.run(main())


def test_a_retry_on_disk_keeps_its_time(tmp_path: Path) -> None:
    async def main() -> None:
        spool = spool_in(tmp_path / "o")
        spool.put(Chunk("t", [b"1"], 1, 1, "1", attempt=1), due=time.time() + 3600)
        spool.put(Chunk("t", [b"2"], 1, 1, "2"), due=time.time() - 3600)
        run = stored(Run(sink := Script()), spool, share=10**6)
        run.delivery.resume()
        await until(lambda: sink.got)
        assert (numbers(sink.got), run.delivery.left()[0]) == ([2], 1)
        await run.end()
        assert numbers(sink.got) == [2, 1]

    asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.tuples(st.integers(1, 20), st.sampled_from("ab")), max_size=12),
    seed=st.randoms(use_true_random=False),
    items=st.integers(1, 5),
    share=st.integers(0, 5000),
    ordered=st.booleans(),
    rooms=st.lists(st.sampled_from([None, None, 0, 200]), max_size=12),
)
def test_the_books_balance_also_over_the_disk(
    batches: list[tuple[int, str]],
    seed: Any,
    items: int,
    share: int,
    ordered: bool,
    rooms: list[int | None],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("o") / "x"

    def answer(chunk: Chunk) -> Outcome:
        if seed.random() < 0.2:
            raise OSError("reset")
        fates = [seed.choice(["ok", "ok", "retry", "reject"]) for _ in chunk.items]
        return Outcome(
            [i for i, f in enumerate(fates) if f == "retry"],
            {i: "bad" for i, f in enumerate(fates) if f == "reject"},
        )

    async def main() -> None:
        disk = Broken()
        run = Run(sink := Script(answer, Limits(items=items)), limit=3, preserve_order=ordered)
        stored(run, spool_in(folder, disk), share)
        run.delivery.policy = RetryPolicy(3, 0.0, 0.0)
        n = 0
        for at, (size, tag) in enumerate(batches):
            disk.room = rooms[at] if at < len(rooms) else None
            run.feed(*range(n, n + size), tag=tag)
            n += size
            if seed.random() < 0.5:
                run.delivery.flush()
                await asyncio.sleep(0)
        disk.room = None
        for _ in range(10_000):
            run.delivery.flush()
            await asyncio.sleep(0)
            if run.delivery.left() == (0, 0) and run.delivery.spool and not run.delivery.spool.waits:
                break
        await run.delivery.close()
        c = run.counters
        assert len(sink.got) == len(set(sink.got)) == c.records
        assert c.records + c.dropped_records == n
        assert run.settled == run.fed
        assert (run.delivery.used, run.delivery.memory.used, c.stored_chunks) == (0, 0, 0)
        assert not folder.exists()

    asyncio.run(main())


def test_a_call_that_hangs_is_given_up_and_made_again() -> None:
    async def main() -> None:
        run = Run(sink := Script())
        hung = asyncio.Event()
        sink.gate = hung.wait  # type: ignore[assignment]
        run.delivery.timeout = 0.01
        run.feed(1)
        run.delivery.flush()
        await until(lambda: run.counters.retries)
        sink.gate = None
        await run.end()
        assert numbers(sink.got) == [1]
        assert run.counters.counters["timeouts"] >= 1
        assert run.log.lines[0][2]["reason"] == "the call was given up after 0.01 s (deliver_timeout)"

    asyncio.run(main())


def test_what_cannot_be_stored_waits_in_memory(tmp_path: Path) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        sink = Script(limits=Limits(items=1, calls=1))
        sink.gate = gate.wait  # type: ignore[assignment]
        sink.encoder = lambda tag: lambda events: [Parcel(object(), [b"%d" % r["n"]], 1, 1) for _, r in events]  # type: ignore[method-assign]
        run = stored(Run(sink), spool_in(tmp_path / "o"))
        for n in range(5):
            run.feed(n)
            run.delivery.flush()
        assert run.counters.stored_records == 0
        gate.set()
        await run.end()
        assert sorted(numbers(sink.got)) == list(range(5))

    asyncio.run(main())


def test_what_a_chunk_costs() -> None:
    assert cost(Chunk("t", [b"12", b"3"], 2, 3, "1", receipts=[Receipt(0, lambda _: None)])) == 3 + 200 + 800


def test_what_is_kept_for_dead_letters_counts_as_memory() -> None:
    class Letters:
        def put(self, tag: str, event: Any, reason: str, receipt: Receipt | None) -> None: ...

        def close(self) -> None: ...

    def used(record: dict[str, Any], dead: bool) -> int:
        run = Run(Script())
        run.delivery.dead = Letters() if dead else None
        receipt = Receipt(1, lambda _: None)
        run.delivery.door("t")([(0, {"n": n, **record}) for n in range(100)], receipt)
        return run.delivery.used

    large = {"labels": {str(n): [n] for n in range(20)}}
    assert used({}, dead=False) == used(large, dead=False) < 12_000
    assert used({}, dead=True) > 100 * 300
    assert used(large, dead=True) - used({}, dead=True) > 100 * 20 * 100


def test_items_with_and_without_their_records_do_not_mix() -> None:
    """As after a config is loaded again that asks for dead letters."""

    async def main() -> None:
        kept: list[int] = []

        class Letters:
            def put(self, tag: str, event: Any, reason: str, receipt: Receipt | None) -> None:
                kept.append(event[1]["n"])

            def close(self) -> None: ...

        run = Run(Script(lambda chunk: Outcome.reject(chunk, "bad")))
        run.feed(1, 2)
        run.delivery.dead = Letters()
        run.feed(3, 4)
        await run.end()
        assert (kept, run.counters.dropped_records, run.settled) == ([3, 4], 4, 2)

    asyncio.run(main())
