"""Amazon Data Firehose: what kinesis_firehose and firehose have in common. One call is PutRecordBatch."""

import re
from collections.abc import Callable

import msgspec

from pyrolens.api import Chunk, Encode, Event, Limits, Outcome, OutputEnv, Parcel
from pyrolens.aws import AwsClient
from pyrolens.net.compress import Compress
from pyrolens.outputs._oversized import Oversized, pieces
from pyrolens.records.codecs import Json, second_text
from pyrolens.records.event import SECOND

encode_json = msgspec.json.Encoder().encode

RECORD = 1_024_000
"""Bytes of a record before base64: 1,000 KiB."""
REQUEST = 4 * 1024 * 1024
"""Bytes of a request, base64 and JSON included."""
RECORDS = 500
FRAME, PER_RECORD = 46, 12
"""Bytes of JSON around all records, without the stream's name, and around each."""

Lines = Callable[[list[Event]], list[bytes | None]]
"""Events -> the data of each, None for one that has none."""


class FirehoseSink:
    """Encodes records when they come, and makes them base64 when they are sent."""

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
        size = REQUEST - FRAME - len(stream.encode())
        self.limits = Limits(size=size, items=None if aggregate else RECORDS, per_item=0 if aggregate else PER_RECORD)

    def encoder(self, tag: str) -> Encode:
        lines = self.lines
        compress = None if self.aggregate else self.compress
        most = RECORD - (len(self.aggregate_end) if self.aggregate else 0)

        def encode(events: list[Event]) -> list[Parcel]:
            made = lines(events)
            items = [line for line in made if line is not None]
            if len(items) < len(made):
                unfit = [event for event, line in zip(events, made, strict=True) if line is None]
                self.env.reject(unfit, tag, self.missing)
            out: list[Parcel] = []
            if items and max(map(len, items)) > most:
                kept = [(e, line) for e, line in zip(events, made, strict=True) if line is not None]
                items, out = self._cut(kept, tag, most)
            if compress:
                items = list(map(compress, items))
            if items:
                sizes = [(len(item) + 2) // 3 * 4 for item in items]
                out.insert(0, Parcel(tag, items, len(items), sum(sizes), sizes))
            return out

        return encode

    def _cut(self, events: list[tuple[Event, bytes]], tag: str, most: int) -> tuple[list[bytes], list[Parcel]]:
        """What fits, and the pieces after the first of what does not (they are no records of their own)."""
        items: list[bytes] = []
        more: list[Parcel] = []
        for event, line in events:
            if len(line) <= most:
                items.append(line)
                continue
            self.env.count("oversized_records")
            parts = pieces(line, most, self.oversized, self.suffix)
            if not parts:
                self.env.reject([event], tag, f"{len(line):,} bytes, and Firehose takes {most:,}")
                continue
            items.append(parts[0])
            for part in parts[1:]:
                data = self.compress(part) if self.compress and not self.aggregate else part
                size = (len(data) + 2) // 3 * 4
                more.append(Parcel(tag, [data], 0, size, [size]))
        return items, more

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        records, members = self._aggregated(chunk.items) if self.aggregate else (chunk.items, None)
        # msgspec writes bytes as base64
        body = {"DeliveryStreamName": self.stream, "Records": [{"Data": record} for record in records]}
        reply = await self.client.call("PutRecordBatch", encode_json(body))
        if not reply.ok:
            return reply.failed(chunk)
        if not reply.body.strip():
            return Outcome()
        said = reply.json()
        if not isinstance(said, dict):
            return Outcome.again(chunk, "the answer is not JSON")
        if not said.get("FailedPutCount"):
            return Outcome()
        answers = said.get("RequestResponses")
        if not isinstance(answers, list) or len(answers) != len(records):
            return Outcome.again(chunk, f"{said['FailedPutCount']} records failed, and the answer does not say which")
        failed = [n for n, answer in enumerate(answers) if isinstance(answer, dict) and answer.get("ErrorCode")]
        codes = sorted({str(answers[n]["ErrorCode"]) for n in failed})
        message = next((str(answers[n].get("ErrorMessage") or "") for n in failed), "")
        again = failed if members is None else [i for n in failed for i in members[n]]
        reason = f"{len(failed)} of {len(records)} records failed: {', '.join(codes)}"
        slow = any("ServiceUnavailable" in code or "Throttl" in code for code in codes)
        return Outcome(again, {}, f"{reason}{': ' + message if message else ''}", None, slow)

    def _aggregated(self, lines: list[bytes]) -> tuple[list[bytes], list[range]]:
        """As many lines as fit into each record, and which those are."""
        most = RECORD - len(self.aggregate_end)
        starts, size = [0], 0
        for n, line in enumerate(lines):
            if size + len(line) > most and n > starts[-1]:
                starts.append(n)
                size = 0
            size += len(line)
        members = [range(a, b) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]
        records = [b"".join([lines[i] for i in m]) + self.aggregate_end for m in members]
        return (list(map(self.compress, records)) if self.compress else records), members

    async def close(self) -> None:
        await self.client.close()


def json_lines(json: Json, events: list[Event]) -> list[bytes]:
    """Each event as JSON with its newline. Written at once and cut: no line break stands inside of JSON."""
    return json.lines(events).splitlines(keepends=True)


FRACTIONS = {
    "%3N": lambda rest: f"{rest // 1_000_000:03d}",
    "%6N": lambda rest: f"{rest // 1000:06d}",
    "%9N": lambda rest: f"{rest:09d}",
    "%N": lambda rest: f"{rest:09d}",
    "%L": lambda rest: f"{rest:09d}",
}


def time_text(form: str, fractions: dict[str, Callable[[int], str]] | None = None) -> Callable[[int], str]:
    """ns -> its time in a format of strftime, UTC, with fractions of a second by name.

    Source: Fluent Bit 5.1.1 flb_aws_strftime_precision: %3N milliseconds, %9N and %L nanoseconds."""
    known = FRACTIONS if fractions is None else fractions
    parts = re.split(r"(%s|%%|" + "|".join(map(re.escape, known)) + ")", form)
    if not any(p in known or p == "%s" for p in parts):
        return lambda ns: second_text(form, ns // SECOND)

    def text(ns: int) -> str:
        seconds, rest = divmod(ns, SECOND)
        return "".join(
            [
                known[p](rest) if p in known else str(seconds) if p == "%s" else second_text(p, seconds) if p else ""
                for p in parts
            ]
        )

    return text
