"""Lines that Docker's log drivers cut at 16 KiB become whole again.

Each piece is a record with partial_message, partial_id (of the line), partial_ordinal (from 1) and partial_last beside
the other fields. Until a line is whole its pieces wait here, and the batches that they came in are not settled.
What is not whole (it is too long, or a piece did not come in time) goes on with these fields still in it.

Source: moby, daemon/logger/copier.go and daemon/logger/fluentd/fluentd.go. Fluent Bit 5.1.1 has nothing like it at the
input; plugins/filter_multiline joins by partial_id alone, and in order of arrival.
"""

from collections import OrderedDict
from typing import Any, NamedTuple

from pyrolens.api import Event, FilterEnv, Record
from pyrolens.multiline.joiner import Owner, joined_text, size_of

MARK = "partial_message"
LAST = "partial_last"
FIELDS = frozenset({MARK, LAST, "partial_id", "partial_ordinal"})
CONTENT = "log"
MOST_HELD = 32 * 1024 * 1024
"""Bytes that all lines together may hold back; over it, those that have waited longest go on as they are."""


class Line(NamedTuple):
    """Which line a piece is of."""

    tag: str
    container: str
    source: str
    id: str


class Pieces:
    """Those of a line that have come."""

    __slots__ = ("came", "cut", "first", "last", "ns", "owners", "record", "size", "texts")

    def __init__(self, first: int, ns: int, record: Record, cut: bool) -> None:
        self.first = first
        """Number of the piece with which it begins."""
        self.ns = ns
        self.record = record
        """Of the piece with the lowest number."""
        self.cut = cut
        """What came before has already gone on."""
        self.texts: dict[int, str] = {}
        """By number."""
        self.last: int | None = None
        """Number of the last one, once it has come."""
        self.size = 0
        """Bytes."""
        self.came = 0
        """When the latest came, in ns."""
        self.owners: list[Owner] = []

    @property
    def next(self) -> int:
        return max(self.texts) + 1 if self.texts else self.first

    @property
    def all_there(self) -> bool:
        return self.last is not None and len(self.texts) == self.last - self.first + 1

    def add(self, number: int, ns: int, record: Record) -> None:
        if number < min(self.texts, default=number):
            self.ns, self.record = ns, record
        if number < self.first and not self.cut:
            self.first = number
        self.texts[number] = record[CONTENT]
        if is_true(record.get(LAST)):
            self.last = number

    def event(self) -> Event:
        """The fields of the first piece, with the text of all; the marks of a part only if it is one."""
        record, text = self.record, joined_text([self.texts[n] for n in sorted(self.texts)])
        if self.all_there and not self.cut:
            return self.ns, {k: text if k == CONTENT else v for k, v in record.items() if k not in FIELDS}
        return self.ns, {**record, CONTENT: text, LAST: "false" if self.last is None else "true"}


class PartialMessages:
    """A transform: pieces stay here, and where the last one was the whole line goes on."""

    def __init__(self, env: FilterEnv, most: int, wait: float) -> None:
        """`most`: bytes of a line. `wait`: seconds for the next piece."""
        self.env = env
        self.most = most
        self.wait = int(wait * 1_000_000_000)
        self.lines: OrderedDict[Line, Pieces] = OrderedDict()
        """Those that wait longest for a piece come first."""
        self.size = 0
        """Bytes that wait."""
        self._timer = False
        env.at_end(self.end)

    def __call__(self, tag: str, events: list[Event]) -> list[Event]:
        if True not in [MARK in record for _, record in events]:
            return events
        owner = Owner()
        out: list[Event] = []
        for event in events:
            line = line_of(tag, event[1]) if MARK in event[1] else None
            if line is None:
                out.append(event)
            else:
                self._take(line, event, owner, out)
        taken = len(events) - len(out)
        if owner.waiting or taken > 0:
            owner.held = self.env.hold(max(taken, 0))
            if not owner.waiting:
                owner.held.release()
        if self.size > MOST_HELD:
            self.env.later(0, self._shrink)
        return out

    def _take(self, line: Line, event: Event, owner: Owner, out: list[Event]) -> None:
        ns, record = event
        text = record[CONTENT]
        size = size_of(text)
        pieces = self.lines.get(line)
        number = number_of(record)
        if number is None:
            number = pieces.next if pieces else 1
        if pieces and number in pieces.texts:
            if pieces.texts[number] == text:
                # whoever sends again after a broken connection sends the same piece
                self.env.count("partial_repeated")
                return
            self._cut(line, out, "two pieces have the same number")
            pieces = None
        first, cut = 1, False
        if pieces and self.most < pieces.size + size:
            first, cut = pieces.next, True
            self._cut(line, out, "a line is longer than joined_max_size")
            pieces = None
        if pieces is None:
            pieces = self.lines[line] = Pieces(first, ns, record, cut)
        pieces.add(number, ns, record)
        pieces.size += size
        self.size += size
        if not pieces.owners or pieces.owners[-1] is not owner:
            pieces.owners.append(owner)
            owner.waiting += 1
        if pieces.all_there:
            if not pieces.cut:
                self.env.count("partial_joined")
            out.append(pieces.event())
            self._settle(line)
            return
        pieces.came = self.env.now()
        self.lines.move_to_end(line)
        if not self._timer:
            self._sleep(self.wait)

    def _cut(self, line: Line, out: list[Event], why: str) -> None:
        """What there is goes on, and more of the line may come."""
        pieces = self.lines[line]
        self._tell("partial_cut", why, line, pieces)
        out.append(pieces.event())
        self._settle(line)

    def _tell(self, counter: str, why: str, line: Line, pieces: Pieces) -> None:
        self.env.count(counter)
        self.env.log.warning(f"{why}: it goes on in parts", tag=line.tag, source=line.source, bytes=pieces.size)

    def _settle(self, line: Line) -> None:
        """It is on its way."""
        pieces = self.lines.pop(line)
        self.size -= pieces.size
        for owner in pieces.owners:
            owner.waiting -= 1
            if not owner.waiting and owner.held is not None:
                owner.held.release()

    # -- what does not become whole ------------------------------------------------------------------------------------

    def _sleep(self, ns: int) -> None:
        self._timer = True
        self.env.later(ns / 1_000_000_000, self._wake)

    def _wake(self) -> None:
        self._timer = False
        now = self.env.now()
        while self.lines:
            line, pieces = next(iter(self.lines.items()))
            left = pieces.came + self.wait - now
            if 0 < left <= self.wait:
                self._sleep(left)
                return
            self._let_go(line, "a piece of a line did not come in time")

    def _shrink(self) -> None:
        while self.size > MOST_HELD:
            self._let_go(next(iter(self.lines)), "too much waits to be joined")

    def end(self) -> None:
        for line in list(self.lines):
            self._let_go(line, "the input stopped before a line was whole")

    def _let_go(self, line: Line, why: str) -> None:
        pieces = self.lines[line]
        self._tell("partial_given_up", why, line, pieces)
        self.env.emit(line.tag, [pieces.event()], held=[o.held for o in pieces.owners])
        self._settle(line)


def line_of(tag: str, record: Record) -> Line | None:
    """None when the record is no piece, or does not say of what: old versions of Docker write partial_message alone."""
    id_ = record.get("partial_id")
    if not id_ or not is_true(record[MARK]) or type(record.get(CONTENT)) is not str:
        return None
    return Line(tag, str(record.get("container_id")), str(record.get("source")), str(id_))


def is_true(value: Any) -> bool:
    return value is True or value == "true"


def number_of(record: Record) -> int | None:
    value = record.get("partial_ordinal")
    if type(value) is str and value.isascii() and value.isdigit():
        return int(value[:9])
    return value if type(value) is int and value >= 0 else None
