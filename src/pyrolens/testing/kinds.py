"""What may stand in a test file: each kind reads a YAML node, and says what it is to people and to editors."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from pyrolens.language.yaml_nodes import Node
from pyrolens.problems import Place, Problems, nearest
from pyrolens.records.accessor import accessor
from pyrolens.records.regex import compile_pattern

WRONG: Final = object()
"""Instead of a value that could not be read; why is told already."""
CODE = "bad-test"
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(Protocol):
    @property
    def what(self) -> str:
        """For people: "a text"."""

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of it."""

    def read(self, who: str, node: Node, problems: Problems) -> Any:
        """The value, or WRONG. `who`: the key it belongs to."""


@dataclass(frozen=True)
class Scalar:
    what: str
    convert: Callable[[Node], Any]
    """Raises: ValueError when it is something else; with a text, that is what is told."""
    schema: dict[str, Any]

    def read(self, who: str, node: Node, problems: Problems) -> Any:
        try:
            return self.convert(node)
        except ValueError as why:
            told = f"{who} is {shown(node)}: {str(why) or f'expected {self.what}'}"
            problems.error(CODE, told, node.place)
            return WRONG


def shown(node: Node) -> str:
    return f"'{node.text}'" if node.text else node.what


def text_of(node: Node) -> str:
    if not node.text:
        raise ValueError
    return node.text


def _field(node: Node) -> str:
    name = text_of(node)
    if name.startswith("$"):
        accessor(name)
    return name


def _dropped(node: Node) -> str:
    if not re.fullmatch("by .+|[0-9]{1,9}", node.text or ""):
        raise ValueError
    return node.text or ""


def _switch(node: Node) -> bool:
    if not (node.plain and node.text in ("true", "false")):
        raise ValueError
    return node.text == "true"


def _count(node: Node) -> int:
    if not re.fullmatch("[0-9]{1,9}", node.text or ""):
        raise ValueError
    return int(node.text or "")


def _seconds(node: Node) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *(ms|s|m|h|)", node.text or "")
    if found is None:
        raise ValueError
    return float(found[1]) * UNITS[found[2]]


def moment(node: Node) -> int:
    """ns since the epoch."""
    text = node.text or ""
    try:
        at = datetime.fromisoformat(text) if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]", text) else None
    except ValueError:
        at = None
    if at is None:
        raise ValueError
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def written(ns: int) -> str:
    """A time as test files have it."""
    whole, rest = divmod(ns, 1_000_000_000)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{EPOCH + timedelta(seconds=whole):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _lines(node: Node) -> tuple[str, ...]:
    if node.text is not None:
        return tuple(node.text.removesuffix("\n").split("\n"))
    if node.items is None or any(item.text is None for item in node.items):
        raise ValueError
    return tuple(item.text or "" for item in node.items)


def _placed(node: Node) -> tuple[str, Place]:
    if node.text is None:
        raise ValueError
    return node.text, node.place


TEXT = Scalar("a text", text_of, {"type": ["string", "number", "boolean"], "minLength": 1})
DROPPED = Scalar("`by FILTER` or a number", _dropped, {"type": ["string", "integer"]})
FIELD = Scalar("a field, or an accessor such as $a['b']", _field, {"type": "string", "minLength": 1})
PLACED = Scalar("a text", _placed, {"type": ["string", "number", "boolean"]})
"""The same with its place; it may be empty."""
SWITCH = Scalar("true or false", _switch, {"type": "boolean"})
COUNT = Scalar("a number", _count, {"type": "integer", "minimum": 0})
SECONDS = Scalar("a time such as 5s, 200ms or 1m", _seconds, {"type": ["string", "number"]})
MOMENT = Scalar("a time such as 2026-01-31T12:00:00Z", moment, {"type": "string"})
LINES = Scalar(
    "a text, each line of it by itself; or a list of texts",
    _lines,
    {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number", "boolean"]}}]},
)


@dataclass(frozen=True)
class Word:
    """One of several words."""

    words: Sequence[str]

    @property
    def what(self) -> str:
        return " or ".join(self.words)

    @property
    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}

    def read(self, who: str, node: Node, problems: Problems) -> Any:
        if node.text in self.words:
            return node.text
        hint = nearest(node.text or "", self.words)
        problems.error(CODE, f"{who} is {shown(node)}: expected {self.what}", node.place, hint)
        return WRONG


@dataclass(frozen=True)
class Fields:
    """A map of fields. With `patterns` the values are patterns, else the values as they are."""

    patterns: bool = False

    @property
    def what(self) -> str:
        return "a map of fields and patterns" if self.patterns else "a map of fields and values"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "object"}

    def read(self, who: str, node: Node, problems: Problems) -> Any:
        if node.pairs is None:
            problems.error(CODE, f"{who} is {shown(node)}: expected {self.what}", node.place)
            return WRONG
        return self._map(who, node, problems)

    def _map(self, who: str, node: Node, problems: Problems) -> Any:
        out: dict[str, Any] = {}
        well = True
        for key, value in node.pairs or ():
            name = key.text or ""
            if name in out:
                problems.error(CODE, f"{who}: {name} is there twice", key.place)
                well = False
            out[name] = self._value(f"{who}: {name}", value, problems)
            well = well and out[name] is not WRONG
        return out if well else WRONG

    def _value(self, who: str, node: Node, problems: Problems) -> Any:
        if node.pairs is not None:
            return self._map(who, node, problems)
        if not self.patterns:
            items = [self._value(who, item, problems) for item in node.items or ()]
            return WRONG if WRONG in items else items if node.items is not None else node.typed
        if node.text is None:
            problems.error(CODE, f"{who} is {node.what}: expected a pattern", node.place)
            return WRONG
        try:
            return compile_pattern(node.text)
        except ValueError as why:
            problems.error(CODE, f"{who} is '{node.text}': {why}", node.place)
            return WRONG


@dataclass(frozen=True)
class Named:
    """A map of names to values of one kind, which gives {name: (place of the name, value)}."""

    of: Kind
    what: str

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.of.schema}

    def read(self, who: str, node: Node, problems: Problems) -> Any:
        if node.pairs is None:
            problems.error(CODE, f"{who} is {shown(node)}: expected {self.what}", node.place)
            return WRONG
        out: dict[str, tuple[Place, Any]] = {}
        well = True
        for key, value in node.pairs:
            name = key.text or ""
            if name in out:
                problems.error(CODE, f"{who}: {name} is there twice", key.place)
                well = False
            out[name] = (key.place, self.of.read(name, value, problems))
            well = well and out[name][1] is not WRONG
        return out if well else WRONG


@dataclass(frozen=True)
class Many:
    """A list of one kind; one alone needs no list."""

    of: Kind
    alone: bool = True

    @property
    def what(self) -> str:
        return f"{self.of.what}, or a list of them" if self.alone else f"a list, each {self.of.what}"

    @property
    def schema(self) -> dict[str, Any]:
        listed = {"type": "array", "items": self.of.schema, "minItems": 1}
        return {"oneOf": [self.of.schema, listed]} if self.alone else listed

    def read(self, who: str, node: Node, problems: Problems) -> Any:
        if node.items is None and not self.alone:
            problems.error(CODE, f"{who} is {shown(node)}: expected a list", node.place)
            return WRONG
        if node.items == []:
            problems.error(CODE, f"{who} is an empty list", node.place, f"expected {self.of.what}")
            return WRONG
        made = [self.of.read(who, item, problems) for item in (node.items if node.items is not None else [node])]
        return WRONG if any(value is WRONG for value in made) else tuple(made)


@dataclass(frozen=True)
class By:
    """Different kinds for a text, a list and a map."""

    text: Kind | None = None
    items: Kind | None = None
    pairs: Kind | None = None

    @property
    def kinds(self) -> list[Kind]:
        return [kind for kind in (self.text, self.items, self.pairs) if kind]

    @property
    def what(self) -> str:
        return "; or ".join(kind.what for kind in self.kinds)

    @property
    def schema(self) -> dict[str, Any]:
        return {"anyOf": [kind.schema for kind in self.kinds]}

    def read(self, who: str, node: Node, problems: Problems) -> Any:
        kind = self.pairs if node.pairs is not None else self.items if node.items is not None else self.text
        if kind is None:
            problems.error(CODE, f"{who} is {shown(node)}: expected {self.what}", node.place)
            return WRONG
        return kind.read(who, node, problems)
