"""YAML text as a tree that knows its places and keeps what was written: keys twice, quotes, and plain text.

Aliases and merge keys are no part of Fluent Bit's YAML. Source: Fluent Bit 5.1.1, src/config_format/flb_cf_yaml.c
(state_variant_parse_scalar for types).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from pyrolens.problems import Place, Problems

SHOWN = 200
DEEPEST = 100
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, which Fluent Bit reads with too: it takes a few texts that PyYAML's own reader does not, such as a tab
after the colon at a line's end. It is not there in every build of PyYAML."""


@dataclass(slots=True)
class Node:
    """A scalar (`text`), a list (`items`) or a map (`pairs`)."""

    place: Place
    text: str | None = None
    plain: bool = False
    """A scalar without quotes: a word such as true means its type where types count."""
    items: list["Node"] | None = None
    pairs: list[tuple["Node", "Node"]] | None = None
    tag: str = ""
    """As written, such as !Ref."""

    @property
    def what(self) -> str:
        if self.text is not None:
            return "a text" if self.text else "nothing"
        return "a list" if self.items is not None else "a map"

    @property
    def typed(self) -> Any:
        """As processors and routes get it: null, bool, int, float, str, list or dict."""
        if self.items is not None:
            return [n.typed for n in self.items]
        if self.pairs is not None:
            return Map(((k.text or "", v.typed) for k, v in self.pairs), self.place)
        return typed_scalar(self.text or "") if self.plain else self.text


class Map(dict[str, Any]):
    """A map of a processor or a route. Of a key that is there twice, the first counts, as in Fluent Bit."""

    def __init__(self, pairs: Iterable[tuple[str, Any]], place: Place) -> None:
        super().__init__()
        self.place = place
        for key, value in pairs:
            self.setdefault(key, value)


def any_case(value: Any) -> Any:
    """The same with keys in small letters, all the way down: Fluent Bit does not look at their case."""
    if isinstance(value, Map):
        return Map(((key.lower(), any_case(inner)) for key, inner in value.items()), value.place)
    return list(map(any_case, value)) if isinstance(value, list) else value


def place_of(value: Any, otherwise: Place) -> Place:
    return value.place if isinstance(value, Map) else otherwise


WORDS = {"null": None, "false": False, "true": True}
FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:inf(?:inity)?|nan)", re.IGNORECASE)


def typed_scalar(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if re.fullmatch(r"[+-]?[0-9]+", text):
        number = int(text[:40])
        return number if -(2**63) <= number < 2**64 else float(text)
    return float(text) if FLOAT.fullmatch(text) else text


def documents(text: str, file: str, problems: Problems) -> list[Node]:
    """The documents of a file, in order. What comes after a mistake is not read."""
    return _Reader(text, file, problems).documents()


@dataclass(slots=True)
class _Reader:
    text: str
    file: str
    problems: Problems
    lines: list[str] = field(default_factory=list)

    def place(self, start: Any, end: Any = None) -> Place:
        line = self.lines[start.line] if start.line < len(self.lines) else ""
        stop = end.column if end is not None and end.line == start.line else len(line)
        column = start.column
        return Place(self.file, start.line + 1, column + 1, max(min(stop, SHOWN) - column, 1), line[:SHOWN])

    def documents(self) -> list[Node]:
        self.lines = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", self.text)
        out: list[Node] = []
        try:
            # what is no UTF-8 is refused by the reader
            events: Iterator[Any] = yaml.parse(self.text.encode("utf-8", "surrogatepass"), Loader=LOADER)
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    out.append(self._node(next(events), events, 0))
        except _StopReading:
            pass
        except yaml.MarkedYAMLError as why:
            mark = why.problem_mark or why.context_mark
            place = self.place(mark) if mark else Place(self.file)
            self.problems.error("yaml-syntax", f"no YAML: {why.problem or why.context}", place, self._hint(place))
        except yaml.reader.ReaderError as why:
            line = self.text.count("\n", 0, why.position) + 1 if isinstance(why.position, int) else 0
            self.problems.error("yaml-syntax", f"no YAML: {why.reason}", Place(self.file, line))
        except RecursionError:
            self.problems.error("yaml-syntax", "nested too deeply", Place(self.file))
        return out

    def _hint(self, place: Place) -> str:
        at = place.text[place.column - 1 :]
        before = place.text[: place.column - 1].rstrip()
        if "*" in (at[:1], before[-1:]):
            return "put a * in quotes: '*'"
        if at[:1] in ("@", "`", "%"):
            return "put it in quotes"
        if at[:1] == "\t":
            return "YAML is indented with blanks, not with tabs"
        return ""

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        place = self.place(event.start_mark, event.end_mark)
        if depth > DEEPEST:
            self.problems.error("yaml-syntax", "nested too deeply", place)
            raise _StopReading
        if isinstance(event, yaml.ScalarEvent):
            return Node(place, event.value, event.style in (None, ""), tag=event.tag or "")
        if isinstance(event, yaml.AliasEvent):
            self.problems.error("yaml-alias", "aliases are not possible here", place, "write out what it stands for")
            return Node(place, "")
        place, tag = self.place(event.start_mark, None), event.tag or ""
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(self._node(event, events, depth + 1))
            return Node(place, items=items, tag=tag)
        pairs = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if key.text is None:
                self.problems.error("yaml-key", f"{key.what} cannot be a key", key.place)
                key = Node(key.place, "")
            pairs.append((key, value))
        return Node(place, pairs=pairs, tag=tag)


class _StopReading(Exception):  # noqa: N818 - it is no error
    pass
