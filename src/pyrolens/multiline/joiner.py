"""Lines become records: the state machine of the filter multiline and of the input tail.

Source: src/multiline/flb_ml.c, flb_ml_rule.c and flb_ml_group.c (Fluent Bit 5.1.1), whose order of steps decides what
comes out, and is kept, oddities included: a line that no rule takes ends what is pending, but the state stays, so a
later line may still go on from it; where the end of a record may also be the start of the next one, the last line is
sent a second time, by itself.
Differs: a line whose time no event can carry is taken as one that its parser does not understand; a first line beyond
the limit keeps the other fields of its record; metadata stays with the line that it came with.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from pyrolens.multiline import LIMIT, MultilineParser
from pyrolens.records.event import Record, Stamp, group_of, metadata_of
from pyrolens.records.regex import compile_pattern

Parse = Callable[[str], tuple[Record, int | None] | None]

MOST_STREAMS = 10_000
"""Streams whose state is remembered; those that wait for nothing are forgotten first."""


class Owner:
    """Whoever has to know when all of its lines are on their way."""

    __slots__ = ("held", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        """Records to come that hold lines of it."""
        self.held: Any = None


class Joined(NamedTuple):
    """A record that is complete."""

    stream: Hashable
    ns: int
    record: Record
    owners: list[Owner]
    """Those of the lines that had been waiting; of each, one record less waits now."""
    truncated: bool


class State:
    """A rule, and those that may take the next line."""

    __slots__ = ("fits", "may_end", "next", "starts")

    def __init__(self, regex: str, starts: bool) -> None:
        self.fits = compile_pattern(regex).test
        self.starts = starts
        self.next: list[State] = []
        """Without those that start a record."""
        self.may_end = False
        """The next line may start a record, so this one may be the last."""


def states_of(parser: MultilineParser) -> list[State]:
    states = [State(rule.regex, rule.starts) for rule in parser.rules]
    for rule, state in zip(parser.rules, states, strict=True):
        followers = [s for r, s in zip(parser.rules, states, strict=True) if rule.to is not None and rule.to in r.froms]
        state.next = [s for s in followers if not s.starts]
        state.may_end = any(s.starts for s in followers)
    return states


def size_of(text: str) -> int:
    """Bytes."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogateescape"))


def joined_text(parts: Sequence[str]) -> str:
    """A character of which one part has the first bytes and the next one the rest is whole again."""
    text = "".join(parts)
    if len(parts) < 2 or text.isascii():
        return text
    return text.encode(errors="surrogateescape").decode(errors="surrogateescape")


def at_time(ns: int, other: int) -> int:
    """Another time, with the metadata of the first."""
    return ns.at(other) if isinstance(ns, Stamp) else other


class Group:
    """Lines that wait for more: those of a stream, or of one of the groups in it."""

    __slots__ = ("metadata", "ns", "owners", "parts", "record", "size", "state", "truncated")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.size = 0
        """Bytes."""
        self.record: Record | None = None
        """The first line's, whose other fields count."""
        self.ns = 0
        self.state: State | None = None
        self.metadata: Record = {}
        self.owners: list[Owner] = []
        self.truncated = False

    @property
    def waits(self) -> bool:
        return bool(self.parts) or self.record is not None

    def describe(self, ns: int) -> None:
        """Keep the metadata of a line."""
        if metadata := metadata_of(ns):
            self.metadata = self.metadata | plain(metadata)

    def register(self, ns: int, record: Record | None) -> None:
        self.ns = ns
        if self.record is None:
            self.record = record

    def add(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self.size += size_of(text)

    def end_line(self) -> None:
        if self.parts and not self.parts[-1].endswith("\n"):
            self.add("\n")

    def add_within(self, text: str, limit: int) -> bool:
        """False when not all of the text has room."""
        if not limit:
            self.add(text)
            return True
        before = self.size
        if before >= limit:
            self.truncated = True
            return False
        self.add(text)
        if self.size <= limit:
            return True
        self.parts[-1] = text.encode(errors="surrogateescape")[: limit - before].decode(errors="surrogateescape")
        self.size = limit
        self.truncated = True
        return False


class Lines:
    """A multiline parser at work, with the groups that it has in each stream."""

    def __init__(self, parser: MultilineParser, key_content: str | None, parse: Parse | None) -> None:
        self.parser = parser
        self.key = key_content or parser.key_content
        self.parse = parse
        self.starts = [state for state in states_of(parser) if state.starts]
        self.match = parser.match_string or ""
        self.stream: Hashable = None
        """Where it took the last line."""
        self.groups: dict[Hashable, dict[str, Group]] = {}

    def group(self, stream: Hashable, name: str = "") -> Group:
        groups = self.groups.setdefault(stream, {})
        found = groups.get(name)
        if found is None:
            found = groups[name] = Group()
        return found


NO_GROUPS: dict[str, Group] = {}


class Joiner:
    """Joins the lines of streams. Several parsers are tried in turn, the one that took the stream's last line first.

    `parse_by`: the parser of a name, for multiline parsers that need one. `key_content` replaces their own."""

    def __init__(
        self,
        parsers: Sequence[MultilineParser],
        parse_by: Callable[[str], Parse | None],
        key_content: str | None = None,
        limit: int = LIMIT,
    ) -> None:
        self.limit = limit
        self._lines = []
        for parser in parsers:
            parse = parse_by(parser.parser) if parser.parser else None
            if parser.parser and parse is None:
                raise ValueError(
                    f"multiline parser '{parser.name}' needs the parser '{parser.parser}', which is not there"
                )
            self._lines.append(Lines(parser, key_content, parse))
        self._latest: Lines | None = None
        self._streams: OrderedDict[Hashable, None] = OrderedDict()
        self._current: Hashable = None

    def feed(self, stream: Hashable, ns: int, record: Record, owner: Owner | None = None) -> list[Joined]:
        """The records that are complete now, in order. `owner` comes back with the record that this line ends up in,
        unless it is complete at once."""
        return self._append(stream, ns, record, "", owner)

    def feed_text(self, stream: Hashable, ns: int, text: str, owner: Owner | None = None) -> list[Joined]:
        """The same for a line that is no record yet."""
        return self._append(stream, ns, None, text, owner)

    def waits(self, stream: Hashable) -> bool:
        return any(g.waits for lines in self._lines for g in lines.groups.get(stream, {}).values())

    def flush(self, stream: Hashable) -> list[Joined]:
        """All that waits, complete or not. The state stays: a later line may go on from it."""
        out: list[Joined] = []
        self._flush(stream, out)
        return out

    def forget(self, stream: Hashable) -> list[Joined]:
        """The same, and the stream is over."""
        out = self.flush(stream)
        self._streams.pop(stream, None)
        self._current = None
        for lines in self._lines:
            lines.groups.pop(stream, None)
        return out

    def _append(self, stream: Hashable, ns: int, record: Record | None, text: str, owner: Owner | None) -> list[Joined]:
        out: list[Joined] = []
        if stream != self._current or not self._streams:
            self._remember(stream, out)
        latest = self._latest if self._latest is not None and self._latest.stream == stream else None
        if latest is not None and self._take(latest, stream, ns, record, text, owner, out):
            return out
        for lines in self._lines:
            if lines is not latest and self._take(lines, stream, ns, record, text, owner, out):
                self._latest = lines
                lines.stream = stream
                return out
        # a line that nobody takes ends all that waits, and stands alone
        self._flush(stream, out)
        first = self._lines[0]
        group = first.group(stream)
        if record is not None and not isinstance(ns, Stamp):
            group.ns = ns
            out.append(Joined(stream, ns, record, [], False))
            return out
        group.describe(ns)
        group.register(ns, record)
        if record is None:
            group.add_within(text, self.limit)
        self._complete(first, stream, group, out)
        return out

    def _take(
        self,
        lines: Lines,
        stream: Hashable,
        ns: int,
        record: Record | None,
        text: str,
        owner: Owner | None,
        out: list[Joined],
    ) -> bool:
        """Whether the parser knows what to do with the line; if not, nothing has changed."""
        key, parser = lines.key, lines.parser
        if lines.parse and (record is None or key in record):
            if record is not None:
                text = record[key or ""]
                if type(text) is not str:
                    return False
            parsed = lines.parse(text)
            if parsed is None:
                return False
            record, parsed_ns = parsed
            if parsed_ns is not None:
                ns = at_time(ns, parsed_ns)
        name, pattern = "", None
        if record is not None:
            content = record.get(key) if key else None
            if type(content) is not str:
                return False
            text = content
            if parser.key_pattern and type(value := record.get(parser.key_pattern)) is str:
                pattern = value
            if parser.key_group and type(value := record.get(parser.key_group)) is str:
                name = value
        group = lines.group(stream, name)
        if parser.type == "regex":
            took = self._by_rules(lines, stream, group, ns, record, text, out)
        else:
            took = self._by_match(lines, stream, group, ns, record, text, pattern, out)
        if took and owner and group.waits and (not group.owners or group.owners[-1] is not owner):
            group.owners.append(owner)
            owner.waiting += 1
        return took

    def _by_rules(
        self,
        lines: Lines,
        stream: Hashable,
        group: Group,
        ns: int,
        record: Record | None,
        text: str,
        out: list[Joined],
    ) -> bool:
        state: State | None = None
        if group.state is not None:
            state = next((s for s in group.state.next if s.fits(text)), None)
        if state is not None:
            group.describe(ns)
            group.end_line()
            if not text:
                group.add("\n")
            elif not group.add_within(text, self.limit):
                self._complete(lines, stream, group, out)
                group.state = None
                return True
        else:
            for state in lines.starts:
                if state.fits(text):
                    break
            else:
                return False
            if group.parts:
                self._complete(lines, stream, group, out)
            group.describe(ns)
            group.register(ns, record)
            group.state = state
            if not group.add_within(text, self.limit):
                return True
        group.state = state
        if state.may_end and group.parts:
            self._complete(lines, stream, group, out)
        if group.record is None:
            group.describe(ns)
            group.register(ns, record)
        return True

    def _by_match(
        self,
        lines: Lines,
        stream: Hashable,
        group: Group,
        ns: int,
        record: Record | None,
        text: str,
        pattern: str | None,
        out: list[Joined],
    ) -> bool:
        compared = text if pattern is None else pattern
        if lines.parser.type == "endswith":
            if size_of(compared) < size_of(lines.match):
                return False
            fits = compared.endswith(lines.match)
        else:
            fits = compared == lines.match
        if group.record is None:
            group.register(ns, record)
        if lines.key is None:
            group.end_line()
        group.add(text)
        group.describe(ns)
        if fits is not bool(lines.parser.negate):
            self._complete(lines, stream, group, out)
        return True

    def _complete(self, lines: Lines, stream: Hashable, group: Group, out: list[Joined]) -> None:
        """Send what waits, if anything does."""
        if lines.key is None:
            group.end_line()
        text = joined_text(group.parts)
        record = group.record
        if record is not None:
            if text and lines.key in record:
                record = {**record, lines.key or "": text}
        elif text:
            record = {lines.key or "log": text}
        if record is not None:
            metadata = group.metadata
            if group.truncated:
                metadata = {**metadata, "multiline_truncated": True}
            common = group_of(group.ns)
            ns = Stamp(int(group.ns), metadata, common) if metadata or common else int(group.ns)
            out.append(Joined(stream, ns, record, group.owners, group.truncated))
        group.parts, group.size, group.record, group.truncated = [], 0, None, False
        group.metadata, group.owners = {}, []

    def _flush(self, stream: Hashable, out: list[Joined]) -> None:
        for lines in self._lines:
            for group in lines.groups.get(stream, NO_GROUPS).values():
                if group.waits:
                    self._complete(lines, stream, group, out)

    def _remember(self, stream: Hashable, out: list[Joined]) -> None:
        streams = self._streams
        self._current = stream
        streams[stream] = None
        streams.move_to_end(stream)
        if len(streams) > MOST_STREAMS:
            idle = (s for s in streams if s != stream and not self.waits(s))
            out += self.forget(next(idle, next(iter(streams))))


def plain(value: Any) -> Any:
    """Metadata as Fluent Bit keeps it for a joined record: bytes, such as trace ids, become hexadecimal text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value
