"""CloudWatch Logs: what cloudwatch_logs and cloudwatch have in common. One call is PutLogEvents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyrolens.api import Chunk, Encode, EncodeMetrics, Event, Limits, MetricSet, Outcome, OutputEnv, Parcel
from pyrolens.aws import AwsClient, Reply
from pyrolens.outputs._emf import ORDER, emf
from pyrolens.outputs._oversized import Oversized, pieces
from pyrolens.outputs._values import value_bytes
from pyrolens.records.codecs import Json
from pyrolens.records.codecs.json import json_text, valid_text, write
from pyrolens.records.codecs.prometheus import as_event

EVENTS = 10_000
REQUEST = 1_048_576
"""Bytes of a request: the messages in UTF-8, and PER_EVENT for each."""
PER_EVENT = 26
EVENT = REQUEST - PER_EVENT
"""Bytes of one message: 1 MiB with its 26, since April 2025 (256 KiB before)."""
SPAN = 24 * 60 * 60 * 1000
"""Milliseconds that the events of a request may lie apart."""
KNOWN = 10_000
"""Streams that are remembered to exist."""

Names = tuple[str, str]
"""Log group and log stream."""
NamesOf = Callable[[int, dict[str, Any]], Names]
Item = tuple[int, str]
"""Time in ms, and the message."""


@dataclass(frozen=True, slots=True)
class Groups:
    """What to create, and how."""

    create_group: bool = False
    create_stream: bool = True
    retention_days: int = 0
    group_class: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Messages:
    """Events as messages: whole records as JSON, or the value of one field."""

    def __init__(self, key: str | None, escape_unicode: bool, strip: bool = False) -> None:
        """strip: without the blanks around."""
        self.key, self.escape, self.strip = key, escape_unicode, strip
        self.json = Json(None, escape_unicode=escape_unicode)
        self.missing = f"no field '{key}', or nothing in it" if key else "the record is empty"

    def __call__(self, events: list[Event]) -> list[str]:
        """One message for each event; "" for none."""
        key = self.key
        if key is None:
            lines = self.json.texts(events)
            return ["" if line == "{}" else line for line in lines] if "{}" in lines else lines
        escape = self.escape
        out = [message(record[key], escape) if key in record else "" for _, record in events]
        return [text.strip() for text in out] if self.strip else out


def message(value: Any, escape_unicode: bool) -> str:
    """Text as it is, where it is valid; anything else as JSON."""
    if not isinstance(value, str):
        return value_bytes(value, escape_unicode).decode("utf-8", "replace")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return valid_text(value.encode("utf-8", "surrogateescape"), escape_unicode)
    return value


class CloudwatchSink:
    """Puts events into log streams, and creates these where they are missing."""

    limits = Limits(size=REQUEST, items=EVENTS, per_item=PER_EVENT)

    def __init__(
        self,
        env: OutputEnv,
        client: AwsClient,
        messages: Messages,
        names: Callable[[str], Names | NamesOf],
        groups: Groups,
        *,
        log_format: str | None = None,
        oversized: Oversized = "truncate",
    ) -> None:
        """names: of a tag, either the names for all its events or what finds those of one."""
        self.env, self.client, self.messages, self.names, self.groups = env, client, messages, names, groups
        self.headers = (("x-amzn-logs-format", log_format),) if log_format else ()
        self.oversized = oversized
        self.known: dict[Names, None] = {}

    # -- encoding -------------------------------------------------------------------------------------------

    def encoder(self, tag: str) -> Encode:
        escape = self.env.escape_unicode

        def valid(names: Names) -> Names:
            return message(names[0], escape), message(names[1], escape)

        found_names = self.names(tag)
        if not callable(found_names):
            fixed = valid(found_names)
            return lambda events: self._parcels(tag, fixed, events)
        names_of = found_names

        def encode(events: list[Event]) -> list[Parcel]:
            by_names: dict[Names, list[Event]] = {}
            for event in events:
                by_names.setdefault(names_of(*event), []).append(event)
            return [p for key, found in by_names.items() for p in self._parcels(tag, valid(key), found)]

        return encode

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        """Each sample is a log event in EMF, of the time of now, as Fluent Bit has it."""
        escape, found_names = self.env.escape_unicode, self.names(tag)

        def encode(metrics: MetricSet) -> list[Parcel]:
            ms = self.env.now() // 1_000_000
            by_names: dict[Names, list[Item]] = {}
            for family in metrics.ordered(ORDER):
                for sample in family.samples:
                    try:
                        record = emf(family, sample, metrics.labels)
                    except ValueError as why:
                        alone = replace(metrics, families=(replace(family, samples=(sample,)),))
                        self.env.reject([as_event(alone)], tag, str(why))
                        continue
                    group, stream = found_names(sample.ns, record) if callable(found_names) else found_names
                    key = message(group, escape), message(stream, escape)
                    by_names.setdefault(key, []).append((ms, json_text(record, escape_unicode=escape)))
            made = [(key, items, sizes_of([text for _, text in items])) for key, items in by_names.items()]
            return [Parcel(key, items, len(items), sum(sizes), sizes) for key, items, sizes in made]

        return encode

    def _parcels(self, tag: str, names: Names, events: list[Event]) -> list[Parcel]:
        made = self.messages(events)
        if not all(made):
            unfit = [event for event, text in zip(events, made, strict=True) if not text]
            self.env.reject(unfit, tag, self.messages.missing)
            kept = [(event, text) for event, text in zip(events, made, strict=True) if text]
            events, made = [event for event, _ in kept], [text for _, text in kept]
        sizes = sizes_of(made)
        more: list[Parcel] = []
        if made and max(sizes) > EVENT:
            events, made, more = self._cut(tag, names, events, made)
            sizes = sizes_of(made)
        if not made:
            return more
        items = [(event[0] // 1_000_000, text) for event, text in zip(events, made, strict=True)]
        return [Parcel(names, items, len(items), sum(sizes), sizes), *more]

    def _cut(
        self, tag: str, names: Names, events: list[Event], made: list[str]
    ) -> tuple[list[Event], list[str], list[Parcel]]:
        """What fits or begins what does not, and the other pieces (they are no records of their own)."""
        kept: list[tuple[Event, str]] = []
        more: list[Parcel] = []
        for event, text in zip(events, made, strict=True):
            data = text.encode() if len(text) * 4 > EVENT else b""
            if len(data) > EVENT:
                self.env.count("oversized_records")
                parts = pieces(data, EVENT, self.oversized)
                if not parts:
                    self.env.reject([event], tag, f"{len(data):,} bytes, and CloudWatch Logs takes {EVENT:,}")
                    continue
                if self.oversized == "truncate":
                    self.env.log.warning("event truncated", tag=tag, bytes=len(data), kept=len(parts[0]))
                ms = event[0] // 1_000_000
                more += [Parcel(names, [(ms, part.decode())], 0, len(part), [len(part)]) for part in parts[1:]]
                text = parts[0].decode()
            kept.append((event, text))
        return [event for event, _ in kept], [text for _, text in kept], more

    def shown(self, key: Names, item: tuple[int, str]) -> str:
        return json_text({"logGroupName": key[0], "logStreamName": key[1], "timestamp": item[0], "message": item[1]})

    # -- sending --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Nothing is created before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        names: Names = chunk.key
        if names not in self.known:
            reply = await self._create_stream(names)
            if not reply.ok:
                return reply.failed(chunk)
        items: list[Item] = chunk.items
        order = sorted(range(len(items)), key=[ms for ms, _ in items].__getitem__)
        retry: list[int] = []
        rejected: dict[int, str] = {}
        failed: Reply | None = None
        for span in spans(items, order):
            if failed:
                retry += span
                continue
            reply = await self._put(names, [items[i] for i in span])
            if reply.ok:
                rejected.update({span[n]: reason for n, reason in refused(reply, len(span)).items()})
            elif reply.code != "DataAlreadyAcceptedException":
                failed = reply
                retry += span
        if not failed:
            return Outcome((), rejected, "; ".join(sorted(set(rejected.values()))))
        return Outcome(sorted(retry), rejected, failed.reason, failed.after, failed.throttled)

    async def _put(self, names: Names, items: list[Item]) -> Reply:
        """One PutLogEvents; where the stream or its group is gone they are created and it is made again."""
        group, stream = names
        events = [{"timestamp": ms, "message": text} for ms, text in items]
        body = write({"logGroupName": group, "logStreamName": stream, "logEvents": events})
        reply = await self.client.call("PutLogEvents", body, self.headers)
        if reply.code == "ResourceNotFoundException":
            self.known.pop(names, None)
            created = await self._create_stream(names)
            if not created.ok:
                return created
            reply = await self.client.call("PutLogEvents", body, self.headers)
        if reply.ok and "x-amzn-requestid" not in reply.headers:
            # something on the way answered; nothing says that the events arrived
            return Reply(0, "", "the answer is not from AWS: it has no x-amzn-RequestId")
        return reply

    async def _create_stream(self, names: Names) -> Reply:
        """Make sure that the stream is there, and its group if we may create it. The reply is the one that counts."""
        group, stream = names
        body = write({"logGroupName": group, "logStreamName": stream})
        if not self.groups.create_stream:
            self._remember(names)
            return Reply(200)
        reply = await self.client.call("CreateLogStream", body)
        if reply.code == "ResourceNotFoundException":
            if not self.groups.create_group:
                return Reply(reply.status, reply.code, f"log group '{group}' does not exist; auto_create_group is off")
            created = await self._create_group(group)
            if not created.ok:
                return created
            reply = await self.client.call("CreateLogStream", body)
        if reply.code == "ResourceAlreadyExistsException":
            reply = Reply(200)
        if reply.code == "AccessDeniedException":
            # whoever may not create streams may yet put events into one that is there
            self.env.log.warning("may not create the log stream", group=group, stream=stream, reason=reply.message)
            reply = Reply(200)
        if reply.ok:
            self._remember(names)
        return reply

    async def _create_group(self, group: str) -> Reply:
        groups = self.groups
        body: dict[str, Any] = {"logGroupName": group}
        if groups.group_class:
            body["logGroupClass"] = groups.group_class
        if groups.tags:
            body["tags"] = dict(groups.tags)
        reply = await self.client.call("CreateLogGroup", write(body))
        if not reply.ok and reply.code not in ("ResourceAlreadyExistsException", "OperationAbortedException"):
            return Reply(
                reply.status, reply.code, f"cannot create log group '{group}': {reply.message}", after=reply.after
            )
        if reply.ok:
            self.env.log.info("log group created", group=group)
        if groups.retention_days > 0:
            policy = {"logGroupName": group, "retentionInDays": groups.retention_days}
            kept = await self.client.call("PutRetentionPolicy", write(policy))
            if not kept.ok:
                # the events matter more than how long they stay
                self.env.log.warning("the retention of the log group is not set", group=group, reason=kept.reason)
        return Reply(200)

    def _remember(self, names: Names) -> None:
        while len(self.known) >= KNOWN:
            del self.known[next(iter(self.known))]
        self.known[names] = None

    async def close(self) -> None:
        await self.client.close()


def sizes_of(messages: list[str]) -> list[int]:
    """Bytes of each in UTF-8."""
    return [len(text) if text.isascii() else len(text.encode()) for text in messages]


def spans(items: list[Item], order: list[int]) -> list[list[int]]:
    """The indexes in order of time, cut where a request would span more than 24 hours."""
    if not order or items[order[-1]][0] - items[order[0]][0] < SPAN:
        return [order]
    out: list[list[int]] = [[]]
    first = items[order[0]][0]
    for i in order:
        if items[i][0] - first >= SPAN:
            out.append([])
            first = items[i][0]
        out[-1].append(i)
    return out


def refused(reply: Reply, count: int) -> dict[int, str]:
    """Index -> why the service did not take an event of a request that it took."""
    said = reply.json() if reply.body else None
    info = said.get("rejectedLogEventsInfo") if isinstance(said, dict) else None
    if not isinstance(info, dict):
        return {}
    out: dict[int, str] = {}
    if isinstance(end := info.get("tooOldLogEventEndIndex"), int):
        out.update(dict.fromkeys(range(min(end, count)), "older than CloudWatch Logs takes (14 days)"))
    if isinstance(end := info.get("expiredLogEventEndIndex"), int):
        out.update(dict.fromkeys(range(min(end, count)), "older than the retention of the log group"))
    if isinstance(start := info.get("tooNewLogEventStartIndex"), int):
        out.update(dict.fromkeys(range(max(start, 0), count), "more than 2 hours in the future"))
    return out
