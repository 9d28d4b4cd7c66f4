"""What a pattern is once it has been read. Everything is immutable and knows nothing of engines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Text:
    """Characters one after another. `fold`: in any case."""

    chars: str
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A named set inside a class: word, digit, alpha … `wide`: of all Unicode, not only of ASCII."""

    name: str
    negative: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Class:
    """One character out of a set: the union of `items`, of which only what is in each of `both` as well."""

    items: tuple["tuple[int, int] | Kind | Class", ...]
    both: tuple["Class", ...] = ()
    negative: bool = False
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """Any character. `newline`: a line feed too."""

    newline: bool = False


@dataclass(frozen=True, slots=True)
class Seq:
    items: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Alt:
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    item: "Node"
    least: int
    most: int | None
    how: Literal["greedy", "lazy", "possessive"] = "greedy"


@dataclass(frozen=True, slots=True)
class Group:
    """A group that captures, by its number."""

    item: "Node"
    number: int


@dataclass(frozen=True, slots=True)
class Atomic:
    item: "Node"


@dataclass(frozen=True, slots=True)
class Look:
    item: "Node"
    behind: bool = False
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Anchor:
    """`^` `$` `A` `Z` `z` `b` `B`, and `K` (what was matched so far does not belong to the match).
    `wide`: words of all Unicode."""

    kind: Literal["^", "$", "A", "Z", "z", "b", "B", "K"]
    wide: bool = True


@dataclass(frozen=True, slots=True)
class Back:
    """What one of these groups matched, the last of them first."""

    numbers: tuple[int, ...]
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """The group of that number once more; 0 is the whole pattern."""

    number: int


@dataclass(frozen=True, slots=True)
class If:
    """One or the other, by whether the group took part."""

    number: int
    yes: "Node"
    no: "Node"


@dataclass(frozen=True, slots=True)
class Absent:
    """Any run of characters in which the item does not occur."""

    item: "Node"


Node = Text | Class | Dot | Seq | Alt | Repeat | Group | Atomic | Look | Anchor | Back | Call | If | Absent


def parts(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside."""
    match node:
        case Seq(items) | Alt(items):
            return items
        case Repeat(item=item) | Group(item=item) | Atomic(item) | Look(item=item) | Absent(item):
            return (item,)
        case If(yes=yes, no=no):
            return (yes, no)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    yield node
    for part in parts(node):
        yield from walk(part)


def width(node: Node, fold: bool = True) -> tuple[int, int | None]:
    """The least and the most characters that it takes; None: no limit, or it depends.

    `fold`: count that in any case one character may stand for two or three (ß for ss)."""
    match node:
        case Text(chars, folded):
            return (-(-len(chars) // 3), 3 * len(chars)) if fold and folded else (len(chars), len(chars))
        case Class(fold=folded):
            return (1, 3) if fold and folded else (1, 1)
        case Dot():
            return (1, 1)
        case Seq(items):
            widths = [width(i, fold) for i in items]
            return sum(low for low, _ in widths), total(high for _, high in widths)
        case Alt(items):
            widths = [width(i, fold) for i in items]
            highs = [high for _, high in widths]
            return min(low for low, _ in widths), None if None in highs else max(h for h in highs if h is not None)
        case Repeat(item, least, most):
            low, high = width(item, fold)
            return low * least, 0 if high == 0 or most == 0 else None if high is None or most is None else high * most
        case Group(item=item) | Atomic(item):
            return width(item, fold)
        case If(yes=yes, no=no):
            return width(Alt((yes, no)), fold)
        case Back() | Call() | Absent():
            return 0, None
        case _:
            return 0, 0


def total(numbers: Iterable[int | None]) -> int | None:
    """The sum, or None where there is no limit."""
    listed = list(numbers)
    return None if None in listed else sum(n for n in listed if n is not None)
