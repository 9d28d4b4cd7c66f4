"""Lines of files that belong together become one record: Multiline, Parser_Firstline and Parser_N of tail.

Source: plugins/in_tail/tail_multiline.c (Fluent Bit 5.1.1): what the first parser takes begins a record; what another
one takes adds its fields; any other line goes to the end of the field that came last. Lines that can go nowhere stand
alone, and come behind what the same read has completed.
"""

from collections.abc import Iterable, Sequence

from pyrolens.api import Event, InputEnv, Parse, Record
from pyrolens.inputs._tail_events import Key, Shape, chomped
from pyrolens.inputs._tail_file import Block, TailFile, lines_of
from pyrolens.multiline.joiner import joined_text


class Pending:
    """A record to which lines may still be added."""

    __slots__ = ("field", "may_grow", "ns", "record", "texts")

    def __init__(self, ns: int, record: Record) -> None:
        self.ns = ns
        self.record: Record = {}
        self.merge(record)
        self.may_grow = bool(self.texts)
        """Its first line ends with text."""

    def merge(self, record: Record) -> None:
        self.record = {**self.complete(), **record} if self.record else record
        self.field = next(reversed(record), "")
        """That came last."""
        last = record.get(self.field)
        self.texts: list[str] = [last] if type(last) is str else []
        """What is in it; none: it is no text."""

    def complete(self) -> Record:
        if len(self.texts) < 2:
            return self.record
        return {**self.record, self.field: joined_text([self.texts[0], *["\n" + t for t in self.texts[1:]]])}


class ByFirstLine:
    def __init__(self, first: Parse, others: Sequence[Parse], wait: float, shape: Shape, env: InputEnv) -> None:
        self.first = first
        self.others = others
        self.wait = max(wait, 1.0)
        self.shape = shape
        self.env = env
        self.pending: dict[Key, Pending] = {}
        self.too_old: set[Key] = set()
        """Files whose last record was left out for its age: its lines are, too."""

    def take(self, file: TailFile, blocks: Iterable[Block]) -> list[Event]:
        shape, key = self.shape, file.key
        now = shape.now()
        out: list[Event] = []
        alone: list[Event] = []
        pending = self.pending.get(key)
        for line in lines_of(blocks):
            if line.cut:
                cut = (now, shape.raw(file, line.start, shape.text_of(line.text)))
                out, alone, pending = [*out, *self.flush(file), *alone, cut], [], None
                continue
            text = shape.text_of(chomped(line.text))
            found = self.first(text)
            if found is not None and found[0]:
                out += self.flush(file)
                pending = self._begin(key, now if found[1] is None else found[1], found[0])
                file.held_at = None if pending is None else line.start
                continue
            if key in self.too_old:
                continue
            added = next((f[0] for parse in self.others if (f := parse(text)) is not None), None)
            if added is None:
                if pending and pending.may_grow and pending.texts:
                    pending.texts.append(text)
                else:
                    alone.append((now, shape.raw(file, line.start, text)))
            elif pending and added:
                pending.merge(added)
            else:
                alone.append((now, {**added, **shape.added(file, line.start)}))
        return out + alone

    def _begin(self, key: Key, ns: int, record: Record) -> Pending | None:
        self.too_old.discard(key)
        if self.shape.is_old(ns):
            self.too_old.add(key)
            return None
        pending = self.pending[key] = Pending(ns, record)
        return pending

    def flush(self, file: TailFile) -> list[Event]:
        pending = self.pending.pop(file.key, None)
        file.held_at = None
        if pending is None:
            return []
        where: Record = {self.shape.path_key: file.path} if self.shape.path_key else {}
        return [(pending.ns, {**where, **pending.complete()})]

    def forget(self, file: TailFile) -> None:
        self.too_old.discard(file.key)
