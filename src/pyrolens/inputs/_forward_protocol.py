"""Messages of the forward protocol become batches.

Source: Forward Protocol Specification v1; plugins/in_forward/fw_prot.c (Fluent Bit 5.1.1).
Differs: Fluent Bit closes the connection at the first message that it does not understand, and what the peer sent
after it is lost; here that message alone is refused, if it is an array as all messages are.
"""

import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pyrolens.api import Event, MetricSet, Stamp
from pyrolens.records import frames
from pyrolens.records.frames import CANNOT, Whole
from pyrolens.records.runs import Run

GROUP_MARKS = (0xFFFFFFFF, 0xFFFFFFFE)
"""Seconds of the marks that Fluent Bit puts around groups of records; they are no events."""


METRICS = 1
"""fluent_signal of metrics; 0 is that of logs."""
LEAST_TAKE, MOST_TAKEN = 512, 1 << 20
"""Bytes that are decompressed at once."""


class NotForwardError(Exception):
    """What came is MessagePack and no message of the protocol, such as the letters of an HTTP request."""


TagOf = Callable[[str], str]
Refuse = Callable[[str, int], None]
"""(reason, how many events) for what is not taken."""


class Batch(NamedTuple):
    """Events of one tag, the bytes they took, and the ids that are to be acknowledged once they are stored."""

    tag: str
    events: list[Event]
    size: int
    acks: list[str]
    metrics: tuple[MetricSet, ...] = ()
    """Instead of events."""


class Protocol:
    """Reads whole messages, many at once if they are as most are."""

    def __init__(self, tag_of: TagOf, limit: int, refuse: Refuse) -> None:
        """`limit`: bytes of a payload, also once it is decompressed."""
        self.tag_of = tag_of
        self.limit = limit
        self.refuse = refuse

    def batches(self, whole: Whole, run: Run | None = None) -> Iterator[Batch]:
        """The events of each tag in their order. `run`: those before them.
        Raises: NotForwardError, once what came before has been given."""
        try:
            if len(whole.data) > frames.MOST_CONTAINERS and frames.crowded(whole.data):
                raise ValueError
            messages = frames.decode_messages(whole) if whole.ends else []
            size = len(whole.data)
            if run is not None:
                messages, size = [*run.messages, *messages], size + run.size
            first = messages[0].tag
            tags = [m.tag for m in messages]
            if first and tags.count(first) == len(tags):
                yield Batch(self.tag_of(first), frames.events_of(messages), size, [])
                return
            share = size // len(messages)
            by_tag: dict[str, list[frames.Message]] = {}
            for message in messages:
                by_tag.setdefault(message.tag, []).append(message)
            batches = [self._run(tag, same, share) for tag, same in by_tag.items()]
        except CANNOT:
            if run is not None:
                yield from self._one_by_one(run.walked())
            yield from self._one_by_one(whole)
            return
        for batch in batches:
            if batch.tag:
                yield batch
            else:
                self.refuse("its tag is empty", len(batch.events))

    def _run(self, tag: str, messages: list[frames.Message], share: int) -> Batch:
        return Batch(self.tag_of(tag) if tag else "", frames.events_of(messages), share * len(messages), [])

    def _one_by_one(self, whole: Whole) -> Iterator[Batch]:
        run: Batch | None = None
        for frame in whole.each():
            try:
                batch = self._message(frame)
            except ValueError as why:
                self.refuse(str(why), 1)
                continue
            except NotForwardError:
                if run is not None:
                    yield run
                raise
            if run is None:
                run = batch
            elif run.tag == batch.tag and not run.metrics and not batch.metrics:
                run.events.extend(batch.events)
                run.acks.extend(batch.acks)
                run = run._replace(size=run.size + batch.size)
            else:
                yield run
                run = batch
        if run is not None:
            yield run

    def _message(self, frame: bytes) -> Batch:
        """One message of any mode. Raises: ValueError with the reason, NotForwardError."""
        self._not_crowded(frame)
        try:
            message = frames.MESSAGE.decode(frame)
            if message.tag:
                return Batch(self.tag_of(message.tag), frames.events_of([message]), len(frame), [])
        except CANNOT:
            pass
        value = self._long_message(frame) or frames.decode_any(frame)
        if not isinstance(value, list):
            raise NotForwardError("not the forward protocol")
        if len(value) < 2:
            raise ValueError("it is not an array of a tag and more")
        tag, second = value[0], value[1]
        if not isinstance(tag, str):
            raise ValueError("its tag is not text")
        if not tag:
            raise ValueError("its tag is empty")
        if isinstance(second, list):
            options = self._options(value, 2)
            events = self._entries(second)
        elif isinstance(second, (str, bytes)):
            options = self._options(value, 2)
            if options.get("fluent_signal") == METRICS:
                chunk = options.get("chunk")
                metrics = self._metrics(second, options)
                return Batch(self.tag_of(tag), [], len(frame), [] if chunk is None else [chunk], metrics)
            events = self._packed(second, options)
        else:
            options = self._options(value, 3)
            events = [self._single(value, options)]
        chunk = options.get("chunk")
        return Batch(self.tag_of(tag), events, len(frame), [] if chunk is None else [chunk])

    @staticmethod
    def _long_message(frame: bytes) -> list[Any] | None:
        """A message of many events, decoded the fast way, or None when it is none or is odd."""
        if len(frame) < 64:
            return None
        try:
            message = frames.FORWARD.decode(frame)
        except CANNOT:
            return None
        return [message.tag, message.entries, message.options]

    @staticmethod
    def _options(value: list[Any], at: int) -> dict[str, Any]:
        options = value[at] if len(value) > at else None
        if options is None:  # old Docker sends nil
            return {}
        if not isinstance(options, dict):
            raise ValueError("its options are not a map")
        if not isinstance(options.get("chunk"), (str, type(None))):
            raise ValueError("the chunk id in its options is not text")
        return options

    @staticmethod
    def _single(value: list[Any], options: dict[str, Any]) -> Event:
        if len(value) < 3:
            raise ValueError("it has no record")
        metadata = options.get("metadata", {})
        if not isinstance(metadata, dict):
            raise ValueError("the metadata in its options is not a map")
        ns, record = frames.read_entry([value[1], value[2]])
        return (Stamp(ns, metadata) if metadata else ns), record

    def _cut(self, data: bytes, options: dict[str, Any]) -> tuple[Whole, str]:
        """The values of a payload, and what is wrong behind them. Raises: ValueError."""
        if 0 < self.limit < len(data):
            raise ValueError(f"its payload is larger than {self.limit} bytes")
        data = decompressed(data, options.get("compressed"), self.limit)
        self._not_crowded(data)
        return frames.cut(data)

    @staticmethod
    def _not_crowded(data: bytes) -> None:
        """Raises: ValueError."""
        if frames.crowded(data):
            raise ValueError(f"it has more than {frames.MOST_CONTAINERS} maps and arrays")

    def _metrics(self, payload: str | bytes, options: dict[str, Any]) -> tuple[MetricSet, ...]:
        """Raises: ValueError."""
        module = importlib.import_module("pyrolens.records.codecs.cmetrics")  # few peers send metrics
        data = payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogateescape")
        whole, wrong = self._cut(data, options)
        if wrong:
            raise ValueError(f"its payload is {wrong}")
        return tuple(module.unpack_metrics(context) for context in whole.each())

    def _packed(self, payload: str | bytes, options: dict[str, Any]) -> list[Event]:
        data = payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogateescape")
        signal = options.get("fluent_signal", 0)
        if signal != 0:
            raise ValueError("it holds traces, and only logs and metrics are taken")
        whole, wrong = self._cut(data, options)
        events: list[Event] = []
        if whole.ends:
            try:
                events = frames.events_of(frames.decode_entries(whole))
                if any(ns // 10**9 in GROUP_MARKS for ns, _ in events):
                    events = [e for e in events if e[0] // 10**9 not in GROUP_MARKS]
            except CANNOT:
                events = self._entries(list(whole.each()))
        if wrong:
            self.refuse(f"the end of its payload is {wrong}", 1)
        return events

    def _entries(self, entries: list[Any]) -> list[Event]:
        """The good ones among them; each other is refused by itself."""
        if not entries:
            return []
        if isinstance(entries[0], frames.Entry):
            try:
                return frames.events_of(entries)
            except CANNOT:
                entries = [[e.time, e.record] for e in entries]
        events: list[Event] = []
        for entry in entries:
            try:
                event = frames.read_entry(frames.decode_any(entry) if isinstance(entry, bytes) else entry)
            except ValueError as why:
                self.refuse(str(why), 1)
                continue
            if event[0] // 10**9 not in GROUP_MARKS:
                events.append(event)
        return events


def decompressed(data: bytes, named: Any, limit: int) -> bytes:
    """A payload as it was before compression: what its first bytes say counts, then what the options name.
    Raises: ValueError with the reason."""
    if data[:2] == b"\x1f\x8b":
        return _gunzip(data, limit)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return _unzstd(data, limit)
    if named in ("gzip", "zstd"):
        raise ValueError(f"its payload is not {named}, as its options say")
    return data


def _gunzip(data: bytes, limit: int) -> bytes:
    """All members of a gzip payload."""
    out: list[bytes] = []
    left = limit or 1 << 62
    at = 0
    while at < len(data):
        member = zlib.decompressobj(wbits=31)
        take = LEAST_TAKE
        while not member.eof:
            # in pieces, for what is behind the end of a member is copied: there may be a great many small ones
            piece = data[at : at + take]
            if not piece:
                raise ValueError("its payload is not valid gzip")
            try:
                part = member.decompress(piece, left)
            except zlib.error:
                raise ValueError("its payload is not valid gzip") from None
            left -= len(part)
            out.append(part)
            if member.unconsumed_tail or left <= 0:
                raise ValueError(f"its payload is larger than {limit} bytes once it is decompressed")
            at += len(piece) - len(member.unused_data)
            take = min(take * 4, MOST_TAKEN)
    return b"".join(out)


def _unzstd(data: bytes, limit: int) -> bytes:
    for name in ("compression.zstd", "backports.zstd"):  # Python 3.14, or the package for those before
        try:
            zstd = importlib.import_module(name)
        except ImportError:
            continue
        reader = zstd.ZstdDecompressor()
        try:
            out: bytes = reader.decompress(data, limit or -1)
        except zstd.ZstdError:
            raise ValueError("its payload is not valid zstd") from None
        if not reader.eof:
            raise ValueError(f"its payload is larger than {limit} bytes once it is decompressed, or cut off")
        return out
    raise ValueError("its payload is zstd, which needs Python 3.14 or the package backports.zstd")
