"""Filter concat.

Source: fluent-plugin-concat 2.6, lib/fluent/plugin/filter_concat.rb.
Differs: what waits too long, or at a stop, goes on behind the filter if neither timeout_label nor a <label @ERROR>
takes it; there it is lost. A joined record has no fields of the record after it, and has a limit. With
use_first_timestamp, a line that ends a record without belonging to it keeps its own time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from pyrolens.config.fluentd.accessors import to_i, to_s
from pyrolens.config.fluentd.filters.base import ERROR_LABEL, Errors, FilterSaid
from pyrolens.config.fluentd.kinds import Bool, Int, Size, Slashed, Time
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Held, Transform
from pyrolens.records.event import SECOND, Event, Record

GroupKey = tuple[str, str]
"""(tag, stream)"""
METADATA = {
    "docker-fluentd": ("partial_message", "partial_id", "partial_ordinal", "partial_last"),
    "docker-journald": (
        "CONTAINER_PARTIAL_MESSAGE",
        "CONTAINER_PARTIAL_ID",
        "CONTAINER_PARTIAL_ORDINAL",
        "CONTAINER_PARTIAL_LAST",
    ),
}
METADATA["docker-journald-lowercase"] = tuple(name.lower() for name in METADATA["docker-journald"])  # type: ignore[assignment]
MODES = ("n_lines", "multiline_start_regexp", "multiline_end_regexp", "partial_key", "use_partial_metadata",
         "use_partial_cri_logtag")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Concat(FilterSaid):
    """Join the lines of a record that came as several."""

    stateful = True

    key: str = opt("Field with the text.")
    separator: str = opt("Between the lines.", default="\n")
    n_lines: Int | None = opt("So many records make one.", default=None)
    multiline_start_regexp: Slashed | None = opt("The first line of a record.", default=None)
    multiline_end_regexp: Slashed | None = opt("The last line of a record.", default=None)
    continuous_line_regexp: Slashed | None = opt("Every other line; a line that is none ends the record.", default=None)
    stream_identity_key: str | None = opt("Field that tells streams apart.", default=None)
    flush_interval: Time = opt("Seconds to wait for the next line; 0: any time.", default=60.0)
    timeout_label: str | None = opt("Label for what has waited that long.", default=None)
    use_first_timestamp: Bool = opt(
        "The time is that of the first line; else of the last one that came.", default=False
    )
    partial_key: str | None = opt("Field that says that more follows.", default=None)
    partial_value: str | None = opt("Its value, if more follows.", default=None)
    keep_partial_key: Bool = opt("Keep that field.", default=False)
    use_partial_metadata: Bool = opt("Join what Docker has cut at 16 KiB.", default=False)
    partial_metadata_format: Literal["docker-fluentd", "docker-journald", "docker-journald-lowercase"] = opt(
        "Which log driver has cut it.", default="docker-fluentd"
    )
    keep_partial_metadata: Bool = opt("Keep the fields about the parts.", default=False)
    use_partial_cri_logtag: Bool = opt("Join by the log tag of CRI: P for a part, F for the last.", default=False)
    partial_cri_logtag_key: str | None = opt("Field with that log tag.", default=None)
    partial_cri_stream_key: str = opt("Field with the stream of CRI, which is removed.", default="stream")
    buffer_limit_size: Size = opt("Of partial_key: bytes that a joined record may have.", default=500 * 1024)
    buffer_overflow_method: Literal["ignore", "truncate", "drop", "new"] = opt(
        "What becomes of a longer one: ignore (no limit), truncate, drop (the parts so far), or new (another one"
        " begins).",
        default="ignore",
    )

    @property
    def mode(self) -> str:
        if self.n_lines is not None:
            return "line"
        if self.partial_key is not None:
            return "partial"
        if self.use_partial_metadata:
            return "metadata"
        return "cri" if self.use_partial_cri_logtag else "regexp"

    def check(self) -> Iterable[tuple[str, str]]:
        given = [name for name in MODES if getattr(self, name) not in (None, False)]
        if not given:
            yield "", f"it needs {', '.join(MODES[:-1])} or {MODES[-1]}"
        exclusive = [name for name in given if not name.startswith("multiline_")]
        if len(exclusive) > 1 or (exclusive and len(given) > len(exclusive)):
            yield given[-1], f"{given[0]} and {given[-1]} cannot stand together"
        if self.partial_key and self.partial_value is None:
            yield "partial_key", "partial_key needs partial_value"
        if self.use_partial_cri_logtag and not self.partial_cri_logtag_key:
            yield "use_partial_cri_logtag", "use_partial_cri_logtag needs partial_cri_logtag_key"

    def compile(self, env: FilterEnv, errors: Errors) -> Transform:
        return Joining(self, env, self.timeout_label or (ERROR_LABEL if errors.label else None)).transform


class Share:
    """A batch that several groups wait with."""

    def __init__(self) -> None:
        self.waiting = 0
        self.held: Held | None = None

    def release(self) -> None:
        self.waiting -= 1
        if not self.waiting and self.held is not None:
            self.held.release()


@dataclass
class Group:
    """Lines of one stream that wait for more."""

    events: list[Event] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    size: int = 0
    """Bytes, as buffer_limit_size counts them."""
    text: int = 0
    """Characters of the text."""
    touched: int = 0
    """ns, when the last line came."""


class Joining:
    def __init__(self, said: Concat, env: FilterEnv, label: str | None) -> None:
        self.said, self.env, self.label = said, env, label
        self.key, self.mode = said.key, said.mode
        self.groups: dict[GroupKey, Group] = {}
        self.share = Share()
        self.sleeping = False
        self.remove = self._removed()
        fields = METADATA[said.partial_metadata_format]
        self.id, self.ordinal, self.last = fields[1:]
        self.indicator = fields[0] if said.partial_metadata_format == "docker-fluentd" else self.id
        add: dict[str, Callable[[GroupKey, Event], list[Event]]] = {
            "line": self.by_lines,
            "partial": self.by_key,
            "metadata": self.by_metadata,
            "cri": self.by_cri,
            "regexp": self.by_regexp,
        }
        self.add = add[self.mode]
        env.at_end(self.end)

    def _removed(self) -> frozenset[str]:
        said = self.said
        if self.mode == "partial" and not said.keep_partial_key:
            return frozenset({said.partial_key or ""})
        if self.mode == "metadata" and not said.keep_partial_metadata:
            return frozenset(METADATA[said.partial_metadata_format])
        if self.mode == "cri":
            own = set() if said.keep_partial_key else {said.partial_cri_logtag_key or ""}
            return frozenset({*own, said.partial_cri_stream_key})
        return frozenset()

    # -- a batch -------------------------------------------------------------------------------------------------

    def transform(self, tag: str, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        self.share = Share()
        for event in events:
            _, record = event
            if not self.concerns(record):
                out.append(event)
                continue
            key = tag, self.stream(record)
            out += self.add(key, event)
            group = self.groups.get(key)
            if group is not None:
                group.touched = self.env.now()
        taken = len(events) - len(out)
        if taken > 0 or self.share.waiting:
            held = self.env.hold(max(taken, 0))
            self.share.held = held
            if not self.share.waiting:
                held.release()
        self.sleep()
        return out

    def concerns(self, record: Record) -> bool:
        if self.key not in record:
            return False
        if self.mode == "partial":
            return self.said.partial_key in record
        if self.mode == "cri":
            return self.said.partial_cri_logtag_key in record
        return self.mode != "metadata" or self.indicator in record

    def stream(self, record: Record) -> str:
        named = self.said.stream_identity_key
        stream = to_s(record.get(named)) if named else "" if self.mode == "metadata" else "default"
        return stream + to_s(record.get(self.id)) if self.mode == "metadata" else stream

    def keep(self, key: GroupKey, event: Event) -> Group:
        """Let it wait."""
        group = self.groups.setdefault(key, Group())
        group.events.append(event)
        group.text += len(to_s(event[1].get(self.key)))
        if self.share not in group.shares:
            group.shares.append(self.share)
            self.share.waiting += 1
        return group

    def take(self, key: GroupKey, ns: int | None = None) -> Event:
        """The joined record of a group, which is gone. `ns`: its time, else that of its first line."""
        group = self.groups.pop(key)
        event = self.joined(group, ns)
        for share in group.shares:
            share.release()
        return event

    def joined(self, group: Group, ns: int | None, whole: bool = True) -> Event:
        """`whole`: no part is missing; else the fields that say so stay."""
        events = group.events
        if self.mode == "metadata":
            parts = sorted(events, key=lambda event: to_i(event[1].get(self.ordinal)))
        else:
            parts = events
        text = self.said.separator.join(to_s(record.get(self.key)) for _, record in parts)
        record = {**(events[-1][1] if whole else {}), **events[0][1], self.key: text}
        for name in self.remove if whole else ():
            record.pop(name, None)
        first = ns is None or self.said.use_first_timestamp
        return (events[0][0] if first or ns is None else ns), record

    def full(self, key: GroupKey, ns: int) -> list[Event]:
        """A group that has grown beyond all limits goes on."""
        limit = self.env.multiline_limit
        if not limit or self.groups[key].text < limit:
            return []
        self.env.count("truncated")
        self.env.log.warning("a joined record is at its limit, and another one begins", tag=key[0])
        return [self.take(key, ns)]

    # -- the modes -----------------------------------------------------------------------------------------------

    def by_lines(self, key: GroupKey, event: Event) -> list[Event]:
        group = self.keep(key, event)
        return [self.take(key, event[0])] if len(group.events) >= (self.said.n_lines or 0) else self.full(key, event[0])

    def by_key(self, key: GroupKey, event: Event) -> list[Event]:
        ns, record = event
        group = self.groups.setdefault(key, Group())
        size = sum(len(k.encode("utf-8", "surrogateescape")) for k in record)
        size += sum(len(to_s(v).encode("utf-8", "surrogateescape")) for v in record.values())
        method = self.said.buffer_overflow_method
        over, out = group.size + size > self.said.buffer_limit_size, []
        group.size = 0 if over else group.size + size
        ends = to_s(record.get(self.said.partial_key or "")) != self.said.partial_value
        if over and method == "drop":
            self.env.count("dropped_parts", len(group.events) + 1)
            self.forget(key)
        elif not over or method == "ignore":
            self.keep(key, event)
        if over and method in ("truncate", "new") and group.events:
            out.append(self.take(key, ns))
            if method == "new":
                self.keep(key, event).size = size
                if ends:
                    out.append(self.take(key, ns))
            return out
        if key in self.groups and not self.groups[key].events:
            del self.groups[key]
        elif key in self.groups:
            out += [self.take(key, ns)] if ends else self.full(key, ns)
        return out

    def forget(self, key: GroupKey) -> None:
        for share in self.groups.pop(key).shares:
            share.release()

    def by_metadata(self, key: GroupKey, event: Event) -> list[Event]:
        self.keep(key, event)
        last = event[1].get(self.last)
        return [self.take(key, event[0])] if last in ("true", True) else self.full(key, event[0])

    def by_cri(self, key: GroupKey, event: Event) -> list[Event]:
        self.keep(key, event)
        tag = to_s(event[1].get(self.said.partial_cri_logtag_key or "")).partition(":")[0]
        return [self.take(key, event[0])] if tag == "F" else self.full(key, event[0])

    def by_regexp(self, key: GroupKey, event: Event) -> list[Event]:
        said, (ns, record) = self.said, event
        line = to_s(record.get(self.key))
        waits = key in self.groups
        ends = said.multiline_end_regexp is not None and said.multiline_end_regexp.test(line)
        if said.multiline_start_regexp is not None and said.multiline_start_regexp.test(line):
            out = [self.take(key, ns)] if waits else []
            self.keep(key, event)
            return [*out, self.take(key, ns)] if ends else out
        if ends:
            self.keep(key, event)
            return [self.take(key, ns)]
        if not waits and said.multiline_start_regexp is not None:
            return [event]
        if waits and said.continuous_line_regexp is not None and not said.continuous_line_regexp.test(line):
            return [self.take(key, ns), event]
        self.keep(key, event)
        return self.full(key, ns)

    # -- what has waited -----------------------------------------------------------------------------------------

    def sleep(self) -> None:
        if self.groups and not self.sleeping and self.said.flush_interval > 0:
            self.sleeping = True
            self.env.later(min(1.0, self.said.flush_interval), self.wake)

    def wake(self) -> None:
        self.sleeping = False
        now = self.env.now()
        for key, group in list(self.groups.items()):
            if now - group.touched >= self.said.flush_interval * SECOND:
                self.give_up(key, now)
        self.sleep()

    def end(self) -> None:
        for key in list(self.groups):
            self.give_up(key, None)

    def give_up(self, key: GroupKey, ns: int | None) -> None:
        group = self.groups.pop(key)
        event = self.joined(group, ns, whole=False)
        held = [share.held for share in group.shares if share.held is not None]
        self.env.count("timed_out")
        if self.label is None:
            self.env.go_on(key[0], [event], held)
        else:
            self.env.emit(key[0], [event], held=held, label=self.label)
        for share in group.shares:
            share.release()
