"""What an output counts, says in the log and keeps of records that it does not deliver."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pyrolens.delivery.dead_letters import DeadLetters
from pyrolens.delivery.outcome import Chunk, Origin, Outcome
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

    def parked(self, records: int, size: int) -> None:
        self.count("parked_records", records)
        self.log.info("parked on disk; it is sent first after the next start", records=records, bytes=size)

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

    def rejected(self, chunk: Chunk, outcome: Outcome) -> int:
        """The records that the destination refuses for good."""
        if not outcome.rejected:
            return 0
        records = chunk.records_of(list(outcome.rejected))
        reasons = sorted(set(outcome.rejected.values()))
        self.refuse(records, "; ".join(reasons[:3]), chunk=chunk.id)
        self.keep(chunk, outcome.rejected)
        return records

    def refuse(self, records: int, reason: str, origins: Sequence[Origin] = (), **where: object) -> None:
        self.counters.errors += 1
        self.counters.dropped_records += records
        self.counters.rejected_records += records
        self.log.error("the destination will never take these records", records=records, reason=reason, **where)
        for origin in origins:
            self._bury(origin, reason)

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
                self._bury(origin, reason)

    def _bury(self, origin: Origin, reason: str) -> None:
        if self.dead is None:
            return
        tag, event = origin
        try:
            self.dead.put(tag, event, reason)
        except OSError as error:
            self.log.error("a dead letter cannot be kept", reason=str(error))
        else:
            self.count("dead_letters")
