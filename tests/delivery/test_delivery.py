"""What a sink says happened, and what becomes of the records: nothing lost, nothing doubled, all settled."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.delivery.delivery import DIVISIONS, Delivery
from pyrolens.delivery.outcome import DELIVERED, Chunk, Encode, Limits, Outcome, Parcel
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy, read_retry_limit
from pyrolens.records.event import Event
from pyrolens.service.metrics import OutputMetrics
from tests.said import Said


class Script:
    """A sink that answers as it is told; `got` is what it took."""

    def __init__(self, answer: Callable[[Chunk], Outcome] = lambda chunk: DELIVERED, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.answer = answer
        self.calls: list[list[Any]] = []
        self.got: list[Any] = []
        self.closed = 0
        self.under_way = 0
        self.most_under_way = 0
        self.gate: Callable[[], Awaitable[None]] | None = None

    def encoder(self, tag: str) -> Encode:
        def encode(events: list[Event]) -> list[Parcel]:
            items = [b"%d" % r["n"] for _, r in events]
            return [Parcel(tag, items, len(items), sum(map(len, items)))]

        return encode

    async def start(self) -> None: ...

    async def deliver(self, chunk: Chunk) -> Outcome:
        self.calls.append(list(chunk.items))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await (self.gate() if self.gate else asyncio.sleep(0))
        self.under_way -= 1
        outcome = self.answer(chunk)
        gone = {*outcome.retry, *outcome.rejected}
        self.got += [item for i, item in enumerate(chunk.items) if i not in gone]
        return outcome

    async def close(self) -> None:
        self.closed += 1


class Run:
    def __init__(
        self, sink: Script, limit: int | None = 1, workers: int | None = None, *, preserve_order: bool = False
    ) -> None:
        self.sink = sink
        self.counters = OutputMetrics("test.0")
        self.log = Said()
        policy = RetryPolicy(limit, 0.0, 0.0)
        self.delivery = Delivery(sink, policy, self.counters, self.log, workers, preserve_order=preserve_order)
        self.settled = 0
        self.fed = 0

    def feed(self, *numbers: int, tag: str = "t") -> None:
        def settled(_: Receipt) -> None:
            self.settled += 1

        self.fed += 1
        receipt = Receipt(1, settled)
        self.delivery.door(tag)([(0, {"n": n}) for n in numbers], receipt)
        receipt.release()

    async def end(self) -> None:
        await asyncio.wait_for(self.delivery.drain(), 60)
        await self.delivery.close()


def numbers(items: list[bytes]) -> list[int]:
    return [int(i) for i in items]


def test_small_batches_of_a_key_travel_together_at_the_flush() -> None:
    async def main() -> None:
        run = Run(sink := Script())
        run.feed(1, 2)
        run.feed(3)
        run.feed(4, tag="u")
        assert (sink.calls, run.settled) == ([], 0)
        await run.end()
        assert sink.calls == [[b"1", b"2", b"3"], [b"4"]]
        assert (run.settled, run.counters.records, run.counters.bytes, sink.closed) == (3, 4, 4, 1)
        assert run.delivery.left() == (0, 0)

    asyncio.run(main())


def test_a_call_carries_as_many_items_and_bytes_as_it_may() -> None:
    async def main() -> None:
        run = Run(sink := Script(limits=Limits(size=6, items=4, per_item=1, calls=1)))
        run.feed(1, 2, 3, 4, 5, 66, 7, 8, 99999999, 1)
        await run.end()
        assert sink.calls == [[b"1", b"2", b"3"], [b"4", b"5"], [b"66", b"7"], [b"8"], [b"99999999"], [b"1"]]
        assert run.settled == 1

    asyncio.run(main())


def test_after_a_partial_failure_only_what_failed_goes_again() -> None:
    async def main() -> None:
        answers = [Outcome(retry=[1], rejected={2: "too old"}, reason="busy"), DELIVERED]
        run = Run(sink := Script(lambda chunk: answers.pop(0)))
        run.feed(1, 2, 3, 4)
        await run.end()
        assert sink.calls == [[b"1", b"2", b"3", b"4"], [b"2"]]
        assert numbers(sink.got) == [1, 4, 2]
        c = run.counters
        assert (c.records, c.retries, c.retried_records, c.dropped_records, c.errors) == (3, 1, 1, 1, 1)
        assert run.settled == 1
        assert [(level, f["records"], f["reason"]) for level, _, f in run.log.lines] == [
            ("error", 1, "too old"),
            ("warning", 1, "busy"),
        ]

    asyncio.run(main())


def test_retries_end_at_the_limit_and_the_loss_is_said() -> None:
    async def main() -> None:
        run = Run(sink := Script(lambda chunk: Outcome.again(chunk, "HTTP 500")), limit=2)
        run.feed(1, 2)
        await run.end()
        assert len(sink.calls) == 3
        c = run.counters
        assert (c.records, c.retries, c.retries_failed, c.dropped_records) == (0, 2, 1, 2)
        assert run.settled == 1
        level, _, fields = run.log.lines[-1]
        assert (level, fields["reason"], fields["attempts"]) == ("error", "HTTP 500", 3)

    asyncio.run(main())


def test_a_sink_that_raises_is_asked_again() -> None:
    async def main() -> None:
        sink = Script()
        failures = [ConnectionResetError("peer is gone")]

        def answer(chunk: Chunk) -> Outcome:
            if failures:
                raise failures.pop()
            return DELIVERED

        sink.answer = answer
        run = Run(sink)
        run.feed(1)
        await run.end()
        assert numbers(sink.got) == [1]
        assert run.log.lines[0][2]["reason"] == "ConnectionResetError: peer is gone"

    asyncio.run(main())


def test_records_of_a_key_keep_their_order_and_go_one_call_at_a_time() -> None:
    async def main() -> None:
        run = Run(sink := Script(limits=Limits(items=1)))
        run.feed(*range(20))
        await run.end()
        assert numbers(sink.got) == list(range(20))
        assert sink.most_under_way == 1

    asyncio.run(main())


def test_workers_allow_calls_at_once() -> None:
    async def main() -> None:
        run = Run(sink := Script(limits=Limits(items=1)), workers=3)
        run.feed(*range(20))
        await run.end()
        assert sorted(numbers(sink.got)) == list(range(20))
        assert sink.most_under_way == 3

    asyncio.run(main())


def test_different_keys_go_at_once_up_to_the_limit_of_the_output() -> None:
    async def main() -> None:
        run = Run(sink := Script(limits=Limits(calls=2)))
        for tag in "abcde":
            run.feed(1, tag=tag)
        await run.end()
        assert len(sink.got) == 5
        assert sink.most_under_way == 2

    asyncio.run(main())


def test_while_a_chunk_waits_for_its_retry_the_next_ones_go_on() -> None:
    async def main() -> None:
        first = True

        def answer(chunk: Chunk) -> Outcome:
            nonlocal first
            if first:
                first = False
                return Outcome.again(chunk, "busy", after=3600)
            return DELIVERED

        run = Run(sink := Script(answer, Limits(items=1, calls=1)))
        run.feed(1, 2)
        run.delivery.flush()
        while not sink.got:
            await asyncio.sleep(0)
        assert (numbers(sink.got), run.settled, run.delivery.left()) == ([2], 0, (1, 1))
        await run.end()
        assert (numbers(sink.got), run.settled) == ([2, 1], 1)

    asyncio.run(main())


def test_where_order_is_kept_the_next_ones_of_the_key_wait_for_the_retry() -> None:
    async def main() -> None:
        again = {b"1", b"7"}

        def answer(chunk: Chunk) -> Outcome:
            if chunk.items[0] in again:
                again.remove(chunk.items[0])
                return Outcome.again(chunk, "busy", after=3600)
            return DELIVERED

        run = Run(sink := Script(answer, Limits(items=1, calls=4)), workers=4, preserve_order=True)
        run.feed(1, 2, 3)
        run.feed(7, 8, tag="u")
        run.feed(9, tag="v")
        run.delivery.flush()
        while not sink.got:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert numbers(sink.got) == [9]
        run.feed(4)
        await run.end()
        assert [n for n in numbers(sink.got) if n < 5] == [1, 2, 3, 4]
        assert [n for n in numbers(sink.got) if n in (7, 8)] == [7, 8]
        assert (run.settled, run.delivery.left()) == (4, (0, 0))

    asyncio.run(main())


def test_a_chunk_that_is_given_up_holds_the_next_ones_no_longer() -> None:
    async def main() -> None:
        def answer(chunk: Chunk) -> Outcome:
            return Outcome.again(chunk, "no") if chunk.items == [b"1"] else DELIVERED

        run = Run(sink := Script(answer, Limits(items=1)), preserve_order=True)
        run.feed(1, 2)
        await run.end()
        assert (numbers(sink.got), run.counters.retries_failed, run.settled) == ([2], 1, 1)

    asyncio.run(main())


def poisoned(bad: set[int], limits: Limits | None = None, status_for_one: bool = True) -> Script:
    """Refuses a whole call for one of these."""

    def answer(chunk: Chunk) -> Outcome:
        wrong = any(int(item) in bad for item in chunk.items)
        return Outcome.reject(chunk, "HTTP 400", for_one=status_for_one) if wrong else DELIVERED

    return Script(answer, limits)


@given(st.sets(st.integers(1, 99), max_size=3), st.integers(1, 3), st.sampled_from([None, 30]))
@settings(max_examples=30, deadline=None)
def test_of_a_call_that_is_refused_for_one_item_the_others_arrive(
    bad: set[int], workers: int, most: int | None
) -> None:
    async def main() -> None:
        run = Run(sink := poisoned(bad, Limits(items=most)), workers=workers)
        run.feed(0)
        run.delivery.flush()
        while not sink.got:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        run.feed(*range(1, 50))
        run.feed(*range(50, 100))
        await run.end()
        assert sorted(numbers(sink.got)) == sorted(set(range(100)) - bad)
        if workers == 1:
            assert numbers(sink.got) == sorted(numbers(sink.got)), "in order"
        c = run.counters
        assert (c.records, c.rejected_records, c.dropped_records) == (100 - len(bad), len(bad), len(bad))
        assert (run.settled, run.delivery.used, c.waiting_records) == (3, 0, 0)
        assert len(sink.calls) <= 6 + 2 * 8 * len(bad)

    asyncio.run(main())


def test_a_destination_that_refuses_all_is_not_asked_for_ever() -> None:
    async def main() -> None:
        run = Run(sink := poisoned(set(range(1, 10_000))))
        run.feed(*range(1, 500))
        await asyncio.wait_for(run.delivery.drain(), 60)
        assert len(sink.calls) == 1, "nobody knows that it takes anything"
        run.feed(0)
        await asyncio.wait_for(run.delivery.drain(), 60)
        for first in range(1000, 5000, 1000):
            run.feed(*range(first, first + 1000))
            await asyncio.wait_for(run.delivery.drain(), 60)
        assert len(sink.calls) <= 2 + 4 + 2 * DIVISIONS
        assert run.counters.rejected_records == 499 + 4000
        assert (run.settled, run.delivery.used) == (6, 0)
        await run.delivery.close()

    asyncio.run(main())


def test_who_may_not_send_at_all_is_told_once() -> None:
    async def main() -> None:
        run = Run(sink := poisoned({5}, status_for_one=False))
        run.feed(0)
        await asyncio.wait_for(run.delivery.drain(), 60)
        run.feed(*range(1, 10))
        await run.end()
        assert (len(sink.calls), run.counters.rejected_records) == (2, 9)

    asyncio.run(main())


def test_what_cannot_be_encoded_is_refused_alone() -> None:
    async def main() -> None:
        run = Run(sink := Script())
        receipt = Receipt(1, lambda _: None)
        run.delivery.door("t")([(0, {"n": 1}), (0, {"other": 1}), (0, {"n": 2})], receipt)
        await run.end()
        assert numbers(sink.got) == [1, 2]
        assert run.counters.dropped_records == 1
        assert "KeyError" in str(run.log.lines[0][2]["reason"])

    asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), max_size=12),
    seed=st.randoms(use_true_random=False),
    items=st.integers(1, 9),
    size=st.integers(1, 60),
    workers=st.sampled_from([None, 1, 3]),
    ordered=st.booleans(),
)
def test_the_books_balance(
    batches: list[list[int]], seed: Any, items: int, size: int, workers: int | None, ordered: bool
) -> None:
    """Whatever the destination answers: each record is delivered once, refused, or given up; and all is settled."""

    sent: list[int] = []

    def answer(chunk: Chunk) -> Outcome:
        sent.append(int(chunk.id, 16))
        if seed.random() < 0.2:
            raise OSError("reset")
        fates = [seed.choice(["ok", "ok", "retry", "reject"]) for _ in chunk.items]
        return Outcome(
            [i for i, f in enumerate(fates) if f == "retry"],
            {i: "bad" for i, f in enumerate(fates) if f == "reject"},
        )

    async def main() -> None:
        run = Run(
            sink := Script(answer, Limits(size=size, items=items)), limit=3, workers=workers, preserve_order=ordered
        )
        run.delivery.policy = RetryPolicy(3, 0.0, 0.0)
        n = 0
        for batch in batches:
            run.feed(*range(n, n + len(batch)))
            n += len(batch)
        # a drain waits a second between retries; here the retries come at once until nothing is left
        run.delivery.flush()
        for _ in range(10_000):
            await asyncio.sleep(0)
            if run.delivery.left() == (0, 0):
                break
        await run.delivery.close()
        c = run.counters
        assert len(sink.got) == len(set(sink.got)) == c.records
        assert c.records + c.dropped_records == n
        assert run.settled == run.fed
        if ordered:
            assert sent == sorted(sent), "a chunk was sent before the one in front of it was settled"
        assert (c.waiting_chunks, c.waiting_records, c.waiting_bytes) == (0, 0, 0)

    asyncio.run(main())


def test_retry_limit_words() -> None:
    words = [None, "3", "no_limits", "False", "no_retries", "0", "-1", "many"]
    assert [read_retry_limit(w) for w in words] == [1, 3, None, None, 0, 1, 1, 1]


def test_waits_grow_and_stay_within_base_and_cap() -> None:
    policy = RetryPolicy(None, base=5, cap=60)
    for attempt, highest in [(1, 10), (2, 20), (3, 40), (4, 60), (40, 60)]:
        waits = [policy.wait(attempt, None, False) for _ in range(50)]
        assert 5 <= min(waits) <= max(waits) <= highest
    assert policy.wait(1, 30.0, False) == 30.0
    assert policy.wait(1, 30.0, True) == 1.0
