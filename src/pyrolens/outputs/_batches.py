"""Services that take records in batches and say what became of each: Amazon Data Firehose and Kinesis Data Streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec

from pyrolens.api import Chunk, Encode, Event, Limits, Outcome, OutputEnv, Parcel, opt
from pyrolens.aws import AwsClient, Reply
from pyrolens.net import compressor
from pyrolens.net.compress import Compress
from pyrolens.outputs._oversized import Oversized, pieces
from pyrolens.outputs._record_lines import Lines

RECORDS = 500
"""Of a request."""


@dataclass(frozen=True, kw_only=True)
class Packing:
    """What may be done with records before they are sent."""

    compression: Literal["gzip", "zstd", "snappy"] | None = opt("Compress each record.", default=None)
    simple_aggregation: bool = opt("Join records to as few as possible, each with its newline.", default=False)

    @property
    def compress(self) -> Compress | None:
        return compressor(self.compression) if self.compression else None


def count_in(field: str) -> "msgspec.json.Decoder[Any]":
    """Reads this number of an answer, as `count`; None where it is not there."""
    return msgspec.json.Decoder(msgspec.defstruct("Answer", [("count", int | None, None)], rename={"count": field}))


class BatchSink:
    """Encodes records when they come, and makes them base64 when they are sent."""

    service: ClassVar[str]
    """As people call it."""
    operation: ClassVar[str]
    record: int
    """Bytes of a record before base64."""
    request: ClassVar[int]
    """Bytes of a request, base64 and JSON included."""
    frame: ClassVar[int]
    """Bytes of JSON around all records, without the stream's name."""
    per_record: ClassVar[int]
    """Bytes around each record."""
    failed_count: ClassVar[str]
    results: ClassVar[str]
    """The fields of the answer."""
    failed: "ClassVar[msgspec.json.Decoder[Any]]"
    """Reads the first of them alone, for an answer says something of each record."""

    def __init__(
        self,
        env: OutputEnv,
        client: AwsClient,
        stream: str,
        lines: Lines,
        *,
        missing: str,
        compress: Compress | None = None,
        aggregate: bool = False,
        aggregate_end: bytes = b"",
        oversized: Oversized = "reject",
        suffix: bytes = b"",
    ) -> None:
        """missing: why an event has no data. aggregate: records are joined, as many as fit into one, and end in
        `aggregate_end`. suffix: at the end of truncated data."""
        self.env, self.client, self.stream, self.lines, self.missing = env, client, stream, lines, missing
        self.compress, self.aggregate, self.aggregate_end = compress, aggregate, aggregate_end
        self.oversized, self.suffix = oversized, suffix
        self.limits = self.limits_of(joined=aggregate)

    def limits_of(self, *, joined: bool) -> Limits:
        """joined: a record of a request holds several of ours."""
        size = self.request - self.frame - len(self.stream.encode())
        if joined:
            return Limits(size=size - self.per_record * (self.request // self.record + 2))
        return Limits(size=size, items=RECORDS, per_item=self.per_record)

    # -- what a service does in its own way -------------------------------------------------------------------

    def body(self, records: list[Any]) -> bytes:
        """The request, in JSON."""
        raise NotImplementedError

    def items(self, events: list[Event], data: list[bytes]) -> tuple[list[Any], list[int]]:
        """What is kept of each event until it is sent, and its bytes in a request."""
        return data, base64_sizes(data)

    def grouped(self, items: list[Any]) -> tuple[list[Any], Sequence[Sequence[int]] | None]:
        """The records of a request, and the items that each holds; None: one item each."""
        if not self.aggregate:
            return items, None
        return self._joined(items)

    # -- encoding ---------------------------------------------------------------------------------------------

    def encoder(self, tag: str) -> Encode:
        lines = self.lines
        compress = None if self.aggregate else self.compress
        most = self.record - (len(self.aggregate_end) if self.aggregate else 0)

        def encode(events: list[Event]) -> list[Parcel]:
            made = lines(events)
            data = [line for line in made if line is not None]
            if len(data) < len(made):
                unfit = [event for event, line in zip(events, made, strict=True) if line is None]
                self.env.reject(unfit, tag, self.missing)
                events = [event for event, line in zip(events, made, strict=True) if line is not None]
            more: list[tuple[Event, bytes]] = []
            if data and max(map(len, data)) > most:
                events, data, more = self._cut(events, data, tag, most)
            if compress:
                data = list(map(compress, data))
                more = [(event, compress(part)) for event, part in more]
            out: list[Parcel] = []
            if data:
                items, sizes = self.items(events, data)
                out.append(Parcel(tag, items, len(items), sum(sizes), sizes))
            for event, part in more:
                items, sizes = self.items([event], [part])
                out.append(Parcel(tag, items, 0, sizes[0], sizes))
            return out

        return encode

    def _cut(
        self, events: list[Event], data: list[bytes], tag: str, most: int
    ) -> tuple[list[Event], list[bytes], list[tuple[Event, bytes]]]:
        """What fits, and the pieces after the first of what does not (they are no records of their own)."""
        kept: list[tuple[Event, bytes]] = []
        more: list[tuple[Event, bytes]] = []
        for event, line in zip(events, data, strict=True):
            if len(line) <= most:
                kept.append((event, line))
                continue
            self.env.count("oversized_records")
            parts = pieces(line, most, self.oversized, self.suffix)
            if not parts:
                self.env.reject([event], tag, f"{len(line):,} bytes, and {self.service} takes {most:,}")
                continue
            kept.append((event, parts[0]))
            more += [(event, part) for part in parts[1:]]
        return [event for event, _ in kept], [line for _, line in kept], more

    def _joined(self, lines: list[bytes]) -> tuple[list[bytes], list[range]]:
        """As many lines as fit into each record, and which those are."""
        members = runs(list(map(len, lines)), self.record - len(self.aggregate_end))
        records = [b"".join([lines[i] for i in m]) + self.aggregate_end for m in members]
        return (list(map(self.compress, records)) if self.compress else records), members

    # -- sending ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        records, members = self.grouped(chunk.items)
        reply = await self.client.call(self.operation, self.body(records))
        if not reply.ok:
            return reply.failed(chunk)
        if not reply.body.strip() or self._all_taken(reply):
            return Outcome()
        said = reply.json()
        if not isinstance(said, dict):
            return Outcome.again(chunk, "the answer is not JSON")
        if self.failed_count not in said:
            return Outcome.again(chunk, "the answer does not say what became of the records")
        return self._outcome(chunk, said, len(records), members)

    def _all_taken(self, reply: Reply) -> bool:
        try:
            return bool(self.failed.decode(reply.body).count == 0)
        except msgspec.MsgspecError:
            return False

    def _outcome(
        self, chunk: Chunk, said: dict[str, Any], records: int, members: Sequence[Sequence[int]] | None
    ) -> Outcome:
        count = said[self.failed_count]
        if not count:
            return Outcome()
        answers = said.get(self.results)
        if not isinstance(answers, list) or len(answers) != records:
            return Outcome.again(chunk, f"{count} records failed, and the answer does not say which")
        failed = [n for n, answer in enumerate(answers) if isinstance(answer, dict) and answer.get("ErrorCode")]
        codes = sorted({str(answers[n]["ErrorCode"]) for n in failed})
        message = next((str(answers[n].get("ErrorMessage") or "") for n in failed), "")
        again = failed if members is None else [i for n in failed for i in members[n]]
        reason = f"{len(failed)} of {records} records failed: {', '.join(codes)}"
        slow = any("Unavailable" in code or "Throttl" in code or "Throughput" in code for code in codes)
        return Outcome(again, {}, f"{reason}{': ' + message if message else ''}", None, slow)

    async def close(self) -> None:
        await self.client.close()


def base64_sizes(data: list[bytes]) -> list[int]:
    return [(size + 2) // 3 * 4 for size in map(len, data)]


def runs(sizes: list[int], most: int) -> list[range]:
    """Neighbours as long as their sizes together are at most that; what is larger stays alone."""
    starts, size = [0], 0
    for n, more in enumerate(sizes):
        if size + more > most and n > starts[-1]:
            starts.append(n)
            size = 0
        size += more
    return [range(a, b) for a, b in zip(starts, [*starts[1:], len(sizes)], strict=True)]
