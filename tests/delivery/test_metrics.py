"""Metrics through the same delivery as records: retried, refused, kept."""

import asyncio
from collections.abc import Callable

from pyrolens.delivery.outcome import Chunk, Limits, Outcome, Parcel
from pyrolens.delivery.receipt import Receipt
from pyrolens.records.metrics import MetricSet
from tests.delivery.test_dead_letters import Kept, run
from tests.delivery.test_delivery import Run, Script
from tests.metrics import ALL, T, one


class Takes(Script):
    """Each sample is an item."""

    def metrics_encoder(self, tag: str) -> Callable[[MetricSet], list[Parcel]]:
        def encode(metrics: MetricSet) -> list[Parcel]:
            if not len(metrics):
                raise ValueError("why")
            items = [sample.labels for family in metrics.families for sample in family.samples]
            return [Parcel(tag, items, len(items), len(items), [1] * len(items))]

        return encode


def publish(books: Run, metrics: MetricSet, settled: list[int]) -> None:
    receipt = Receipt(1, lambda _: settled.append(1))
    books.delivery.metrics_door("m")(metrics, receipt)
    receipt.release()


def test_they_are_retried_and_settle_when_delivered() -> None:
    async def main() -> None:
        answers: list[Outcome] = [Outcome(retry=[0, 1], reason="busy")]
        settled: list[int] = []
        books = Run(Takes(lambda chunk: answers.pop() if answers else Outcome()), 5)
        publish(books, ALL, settled)
        assert settled == []
        await books.end()
        c = books.counters
        assert (c.records, c.retried_records, c.dropped_records, settled) == (8, 2, 0, [1])

    asyncio.run(main())


def test_a_reading_that_is_refused_is_one_dead_letter() -> None:
    async def main() -> None:
        def answer(chunk: Chunk) -> Outcome:
            return Outcome(rejected=dict.fromkeys(range(8), "too odd"))

        kept, settled = Kept(), [0]
        books = run(Takes(answer, Limits()), kept)
        publish(books, ALL, settled)
        publish(books, one(), settled)
        await books.end()
        assert [(tag, event[0], reason) for tag, event, reason in kept.letters] == [("m", T, "too odd")]
        assert kept.letters[0][1][1]["metrics"].startswith("# HELP http_requests_total ")
        assert (books.counters.records, books.counters.dropped_records) == (1, 8)

    asyncio.run(main())


def test_what_cannot_be_encoded_is_refused() -> None:
    async def main() -> None:
        kept, settled = Kept(), list[int]()
        books = run(Takes(), kept)
        publish(books, MetricSet(()), settled)
        await books.end()
        assert ([reason for _, _, reason in kept.letters], settled) == (["cannot be encoded: ValueError: why"], [1])

    asyncio.run(main())
