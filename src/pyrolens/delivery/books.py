"""What an output counts, says in the log and keeps of records that it does not deliver."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from pyrolens.delivery.dead_letters import DeadLetters, Letter
from pyrolens.delivery.outcome import Chunk, Origin, Outcome
from pyrolens.delivery.receipt import Receipt, united
from pyrolens.delivery.spool import Spool
from pyrolens.plugin import Log


class OutputCounters(Protocol):
    records: int
    bytes: int
    calls: int
    errors: int
    retries: int
    retried_records: int
    retries_failed: int
    dropped_records: int
    rejected_records: int
    waiting_chunks: int
    waiting_records: int
    waiting_bytes: int
    stored_chunks: int
    stored_records: int
    stored_bytes: int
    counters: dict[str, int]


class Books:
    def __init__(self, counters: OutputCounters, log: Log, dead: DeadLetters | None) -> None:
        self.counters, self.log = counters, log
        self.dead = dead
        """Where records go that are refused or given up; None: nowhere."""
        self.encoding = Receipt(0, lambda _: None)
        """Of the batch that is being encoded."""
        self._unburied: deque[Letter] = deque()
        """Dead letters that could not be kept yet."""
        self._stored = 0, 0, 0
        """What the counters say of what is on disk."""

    def count(self, counter: str, n: int = 1) -> None:
        self.counters.counters[counter] = self.counters.counters.get(counter, 0) + n

    # -- what waits ---------------------------------------------------------------------------------------------

    def waits(self, chunk: Chunk, times: int = 1) -> None:
        """It is about to be sent; with -1 it is no more."""
        self.counters.waiting_chunks += times
        self.counters.waiting_records += times * chunk.records
        self.counters.waiting_bytes += times * chunk.size

    def stored(self, spool: Spool) -> None:
        """What is on disk now."""
        counters, (chunks, records, size) = self.counters, self._stored
        self._stored = spool.chunks, spool.records, spool.size
        # another delivery may count there, too: that of an output of which the options changed
        counters.stored_chunks += spool.chunks - chunks
        counters.stored_records += spool.records - records
        counters.stored_bytes += spool.size - size

    # -- what is left at a stop ---------------------------------------------------------------------------------

    def parked(self, chunks: Sequence[Chunk]) -> None:
        if chunks:
            records, size = totals(chunks)
            self.count("parked_records", records)
            self.log.info("parked on disk; it is sent first after the next start", records=records, bytes=size)

    def left_to_senders(self, chunks: Sequence[Chunk]) -> None:
        if chunks:
            records, size = totals(chunks)
            self.count("unacknowledged_records", records)
            self.log.warning(
                "not delivered and not acknowledged, so who sent it sends it again", records=records, bytes=size
            )

    def lost(self, chunks: Sequence[Chunk], reason: str) -> None:
        if chunks:
            records, size = totals(chunks)
            self.counters.dropped_records += records
            what = "lost" if self.dead is None else "kept as dead letters"
            self.log.error(f"not delivered within Grace, and {what}", records=records, bytes=size)
        for chunk in chunks:
            self.keep_all(chunk, reason)

    # -- what becomes of calls ----------------------------------------------------------------------------------

    def delivered(self, chunk: Chunk, records: int) -> None:
        self.counters.records += records
        self.counters.bytes += chunk.size * records // chunk.records

    def again(self, chunk: Chunk, reason: str, wait: float) -> None:
        self.counters.retries += 1
        self.counters.retried_records += chunk.records
        self.log.warning(
            "retry", chunk=chunk.id, attempt=chunk.attempt + 1, wait=f"{wait:.1f}s", records=chunk.records,
            reason=reason,
        )  # fmt: skip

    def divided(self, chunk: Chunk, reason: str) -> None:
        self.count("divided_chunks")
        self.log.info(
            "refused as a whole, so it is sent in halves", chunk=chunk.id, items=len(chunk.items), reason=reason
        )

    def rejected(self, chunk: Chunk, outcome: Outcome) -> int:
        """The records that the destination refuses for good."""
        if not outcome.rejected:
            return 0
        records = chunk.records_of(list(outcome.rejected))
        reasons = sorted(set(outcome.rejected.values()))
        self.refuse(records, "; ".join(reasons[:3]), chunk=chunk.id)
        self.keep(chunk, outcome.rejected)
        return records

    def refuse(
        self,
        records: int,
        reason: str,
        origins: Sequence[Origin] = (),
        receipts: Sequence[Receipt] = (),
        **where: object,
    ) -> None:
        """`receipts`: of what the origins came in."""
        self.counters.errors += 1
        self.counters.dropped_records += records
        self.counters.rejected_records += records
        self.log.error("the destination will never take these records", records=records, reason=reason, **where)
        for origin in origins:
            self._bury(origin, reason, receipts)

    def given_up(self, chunk: Chunk, reason: str) -> None:
        self.counters.retries_failed += 1
        self.counters.dropped_records += chunk.records
        self.log.error(
            "the chunk is given up, its retries are used up",
            chunk=chunk.id, records=chunk.records, attempts=chunk.attempt, reason=reason,
        )  # fmt: skip
        self.keep_all(chunk, reason)

    def evicted(self, chunk: Chunk, reason: str) -> None:
        self.count("evicted_chunks")
        self.counters.dropped_records += chunk.records
        self.log.warning(
            "the oldest chunk goes", chunk=chunk.id, records=chunk.records, bytes=chunk.size, reason=reason
        )
        self.keep_all(chunk, reason)

    # -- dead letters -------------------------------------------------------------------------------------------

    def keep_all(self, chunk: Chunk, reason: str) -> None:
        self.keep(chunk, dict.fromkeys(range(len(chunk.items)), reason))

    def keep(self, chunk: Chunk, reasons: Mapping[int, str]) -> None:
        """Items of a chunk become dead letters, if these are asked for."""
        if chunk.origins:
            # items that one record was made into, or one reading of metrics, are one dead letter
            found = {id(origin): (origin, reason) for i, reason in reasons.items() for origin in [chunk.origins[i]]}
            for origin, reason in found.values():
                self._bury(origin, reason, chunk.receipts)

    def _bury(self, origin: Origin, reason: str, receipts: Sequence[Receipt]) -> None:
        """What it came in is not settled before it is kept."""
        if self.dead is None:
            return
        told = bool(self._unburied)
        self._unburied.append(Letter(*origin, reason, united(receipts) if receipts else None))
        if (why := self.bury()) and not told:
            self.log.error("a dead letter cannot be kept, and waits until it can", reason=why)

    def bury(self) -> str:
        """Keep the dead letters that wait. Gives why that cannot be."""
        while self._unburied:
            letter = self._unburied[0]
            if self.dead is not None:  # else a new config asks for none
                try:
                    self.dead.put(letter.tag, letter.event, letter.reason, letter.receipt)
                except OSError as error:
                    return error.strerror or str(error)
                self.count("dead_letters")
            self._unburied.popleft()
            if letter.receipt is not None:
                letter.receipt.release()
        return ""

    def close(self) -> None:
        if why := self.bury():
            self.log.error("dead letters cannot be kept, and are lost", records=len(self._unburied), reason=why)
        if self.dead:
            self.dead.close()


def totals(chunks: Sequence[Chunk]) -> tuple[int, int]:
    """Records and bytes."""
    return sum(chunk.records for chunk in chunks), sum(chunk.size for chunk in chunks)
