"""Whether a pattern occurs in a text, asked in the cheapest way that gives the same answer.

Measured (Python 3.11, access lines of 210 characters, us a line): `re.search` of (ERROR|\\s4\\d{2}\\s|\\s5\\d{2}\\s)
3.5, of ^(?=.*ELB-HealthChecker\\/2\\.0).*$ 1.3; `"ERROR" in line` 0.1, `"ELB-HealthChecker/2.0" in line` 0.06.
`re` is quick only where a pattern begins with a literal. So the nodes are turned into a formula of such questions:

- is this literal in the text (in any case: of text that is all ASCII);
- does this simpler pattern occur, which begins with a literal where that can be had: `\\s4\\d{2}\\s` occurs exactly
  where `4(?<=\\s4)\\d{2}\\s` does, 0.2 us;
- does it match at the start, or does the text begin with, or equal, one of these literals.

Each step keeps the answer for every text that satisfies the formula's conditions (all ASCII, one line); for other
texts the whole pattern is searched for. What groups hold is of no interest here.
"""

from dataclasses import dataclass

from pyrolens.records.regex.nodes import (
    Absent,
    Alt,
    Anchor,
    Atomic,
    Back,
    Call,
    Class,
    Dot,
    Group,
    If,
    Kind,
    Look,
    Node,
    Repeat,
    Seq,
    Text,
    walk,
    width,
)

SHORTEST = 3
"""Characters of a literal that is worth asking for before a pattern is searched for."""


@dataclass(frozen=True, slots=True)
class Has:
    """The text contains this literal. `fold`: in any case (of a text that is all ASCII)."""

    literal: str
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Occurs:
    """The pattern occurs somewhere. `start`: at the start."""

    node: Node
    start: bool = False


@dataclass(frozen=True, slots=True)
class Begins:
    """The text begins with one of these. `ends`: it is one of them."""

    literals: tuple[str, ...]
    ends: bool = False


@dataclass(frozen=True, slots=True)
class All:
    items: "tuple[Formula, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    items: "tuple[Formula, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    item: "Formula"


Formula = Has | Occurs | Begins | All | Any | Not
ALWAYS = All(())
RUN_UP = (Anchor("^"), Repeat(Dot(), 0, None))
"""^.*"""


def formula(node: Node, line: bool) -> Formula:
    """True of exactly the texts in which the pattern occurs. `line`: of the texts of one line."""
    if any(isinstance(n, Back | Call | If | Absent) or n == Anchor("K") for n in walk(node)):
        return Occurs(node)
    return Reducer(line).occurs(plain(node))


def plain(node: Node) -> Node:
    """Without groups, as what they hold does not matter; sequences in sequences made flat."""
    match node:
        case Group(item=item):
            return plain(item)
        case Seq(items):
            out: list[Node] = []
            for item in map(plain, items):
                if isinstance(item, Seq):
                    out += item.items
                elif isinstance(item, Text) and out and isinstance(out[-1], Text) and not (out[-1].fold or item.fold):
                    # not in any case: (?i)s(s) is not (?i)ss, which takes ß
                    out[-1] = Text(out[-1].chars + item.chars)
                else:
                    out.append(item)
            return out[0] if len(out) == 1 else Seq(tuple(out))
        case Alt(items):
            flat: list[Node] = []
            for item in map(plain, items):
                flat += item.items if isinstance(item, Alt) else (item,)
            return Alt(tuple(flat))
        case Repeat(item, least, most, how):
            return plain(item) if (least, most) == (1, 1) else Repeat(plain(item), least, most, how)
        case Atomic(item):
            return Atomic(plain(item))
        case Look(item, behind, negative):
            return Look(plain(item), behind, negative)
        case _:
            return node


def flat(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Seq) else (node,)


def sequence(items: tuple[Node, ...]) -> Node:
    return items[0] if len(items) == 1 else Seq(items)


class Reducer:
    def __init__(self, line: bool) -> None:
        self.line = line

    def occurs(self, node: Node) -> Formula:
        if isinstance(node, Alt):
            return self.any_of(node.items)
        items = self.trimmed(flat(node))
        if not items:
            return ALWAYS
        if self.at_start(items[0]):
            return self.from_start(items)
        match items:
            case (Text(chars, fold),):
                if not fold:
                    return Has(chars)
                if chars.isascii():
                    return Has(chars.lower(), True)
            case (Alt(branches),):
                return self.any_of(branches)
        return self.guarded(self.literal_first(items))

    def any_of(self, branches: tuple[Node, ...]) -> Formula:
        found = [self.occurs(b) for b in branches]
        return ALWAYS if ALWAYS in found else joined(found)

    def at_start(self, node: Node) -> bool:
        return isinstance(node, Anchor) and (node.kind == "A" or (node.kind == "^" and self.line))

    # what need not be looked for

    def trimmed(self, items: tuple[Node, ...]) -> tuple[Node, ...]:
        """Without what can always match at either end."""
        while items and self.can_be_empty(items[0]):
            items = items[1:]
        while items:
            last = items[-1]
            if self.can_be_empty(last) or (last == Anchor("$") and len(items) > 1 and self.reaches_line_end(items[-2])):
                items = items[:-1]
            elif isinstance(last, Repeat) and last.least and self.shortened(last, last.how) != last:
                items = (*items[:-1], self.shortened(last, last.how))
            else:
                break
        if items and isinstance(items[0], Repeat) and items[0].how != "possessive":
            # x+y occurs where xy does
            items = (self.shortened(items[0], "greedy"), *items[1:])
        if not self.line and len(items) > 2 and items[:2] == RUN_UP and width(sequence(items[2:]))[0] > 0:
            # the line that has the rest has it after its start
            return self.trimmed(items[2:])
        return flat(plain(Seq(items)))

    def can_be_empty(self, node: Node) -> bool:
        return isinstance(node, Repeat) and node.least == 0 and node.how != "possessive"

    def reaches_line_end(self, node: Node) -> bool:
        return isinstance(node, Repeat) and isinstance(node.item, Dot) and node.most is None and node.least == 0

    def shortened(self, node: Repeat, how: str) -> Node:
        if how == "possessive" or node.most == node.least:
            return node
        return node.item if node.least == 1 else Repeat(node.item, node.least, node.least)

    # patterns that begin at the start

    def from_start(self, items: tuple[Node, ...]) -> Formula:
        rest = items[1:]
        asked: list[Formula] = []
        while rest and isinstance(rest[0], Look) and not rest[0].behind and self.line:
            inner = self.after_run(flat(rest[0].item))
            if inner is None:
                break
            asked.append(Not(self.occurs(sequence(inner))) if rest[0].negative else self.occurs(sequence(inner)))
            rest = rest[1:]
        if rest and self.line:
            inner = self.after_run(rest)
            if inner is not None:
                found = self.occurs(sequence(inner)) if inner else ALWAYS
                return both([*asked, found])
        if rest:
            literals = choices(rest[0]) or ((rest[0].chars,) if self.literal(rest[0]) else ())  # type: ignore[union-attr]
            ends = self.line and rest[1:] == (Anchor("$"),)
            if literals and (ends or not rest[1:]):
                asked.append(Begins(literals, ends))
            else:
                asked.append(Occurs(sequence((items[0], *rest)), start=True))
        return both(asked)

    def after_run(self, items: tuple[Node, ...]) -> tuple[Node, ...] | None:
        """What comes after a leading `.*`, which in one line reaches every place."""
        first = items[0] if items else None
        if isinstance(first, Repeat) and isinstance(first.item, Dot) and (first.least, first.most) == (0, None):
            return items[1:] if first.how != "possessive" else None
        return None

    # patterns that occur anywhere

    def literal_first(self, items: tuple[Node, ...]) -> Formula:
        """The same pattern, or several, beginning with a literal."""
        found = next((n for n, i in enumerate(items) if self.literal(i)), None)
        if found is None or found > 6 or not all(self.fixed(i) for i in items[:found]):
            return Occurs(sequence(items))
        node = items[found]
        if isinstance(node, Text):
            if found == 0:
                return Occurs(sequence(items))
            chars = node.chars
            before = Look(sequence((*items[:found], Text(chars))), behind=True)
            return Occurs(Seq((Text(chars), before, *items[found + 1 :])))
        each = [plain(Seq((*items[:found], Text(chars), *items[found + 1 :]))) for chars in choices(node)]
        return joined([self.occurs(e) for e in each])

    def literal(self, node: Node) -> bool:
        return (isinstance(node, Text) and not node.fold) or bool(choices(node))

    def fixed(self, node: Node) -> bool:
        """One character, or a place."""
        if isinstance(node, Anchor):
            return node.kind in "^bB"
        return isinstance(node, Dot) or (isinstance(node, Class) and not node.fold)

    def guarded(self, found: Formula) -> Formula:
        """Asked only where a long literal is there that every match holds."""
        if not isinstance(found, Occurs):
            return found
        literal = max(required(found.node), key=lambda h: len(h.literal), default=Has(""))
        return All((literal, found)) if len(literal.literal) >= SHORTEST else found


def choices(node: Node) -> tuple[str, ...]:
    """The few literals of which this is one, or nothing."""
    if isinstance(node, Class) and not (node.negative or node.both or node.fold):
        chars: list[str] = []
        for item in node.items:
            if isinstance(item, Kind | Class) or item[1] - item[0] > 2:
                return ()
            chars += [chr(c) for c in range(item[0], item[1] + 1)]
        return tuple(dict.fromkeys(chars)) if len(set(chars)) <= 3 else ()
    if isinstance(node, Alt) and len(node.items) <= 4 and all(isinstance(i, Text) and not i.fold for i in node.items):
        return tuple(dict.fromkeys(i.chars for i in node.items if isinstance(i, Text)))
    return ()


def required(node: Node) -> list[Has]:
    """Literals that are in every text in which the node matches."""
    match node:
        case Text(chars, fold):
            return [Has(chars.lower(), True)] if fold and chars.isascii() else [] if fold else [Has(chars)]
        case Seq(items):
            return [r for i in items for r in required(i)]
        case Repeat(item=item, least=least) if least > 0:
            return required(item)
        case Atomic(item) | Look(item, False, False):
            return required(item)
        case _:
            return []


def joined(items: list[Formula]) -> Formula:
    """Any of them, made flat, with each asked once."""
    out: dict[Formula, None] = {}
    for item in items:
        for each in item.items if isinstance(item, Any) else (item,):
            out[each] = None
    return next(iter(out)) if len(out) == 1 else Any(tuple(out))


def both(items: list[Formula]) -> Formula:
    out: dict[Formula, None] = {}
    for item in items:
        for each in item.items if isinstance(item, All) else (item,):
            out[each] = None
    return next(iter(out)) if len(out) == 1 else All(tuple(out))
