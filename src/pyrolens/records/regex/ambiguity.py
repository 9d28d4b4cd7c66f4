"""Whether a loop can read the same text in so many ways that trying them all takes exponential time.

The turns of a loop become an automaton without empty steps (Glushkov's): one state for each place of the pattern that
takes a character, and steps between them that say which characters they take. Two different ways through it that take
the same text and meet again can be chosen anew in every turn: two ways for one turn are 2**n for n turns.
What is only looked at (`(?=…)`) is left out, so more may seem possible than is; never less.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pyrolens.records.regex import sets
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
)

Mask = int
"""A set of characters: a bit for each of ASCII, and one for all the others."""
BEYOND = 1 << 128
EVERYTHING = (1 << 129) - 1
NEWLINE = 1 << 10
# what must hold between two characters, carried along with the characters that may not come next
BOUNDARY, INSIDE, TEXT_EDGE, LINE_START, LINE_END = (1 << n for n in range(130, 135))

MOST_COPIES = 64
"""States that a counted repeat is written out to; beyond, it counts as a loop."""
MANY = 12
"""Turns from which a counted repeat counts as a loop: 2**12 ways are thousands."""
MOST_STATES = 3000
MOST_PAIRS = 100_000


def bits(ranges: sets.Ranges) -> Mask:
    out = 0
    for low, high in ranges:
        if low < 128:
            top = min(high, 127)
            out |= ((1 << (top - low + 1)) - 1) << low
        if high > 127:
            out |= BEYOND
    return out


WORD = bits(sets.ASCII_KINDS["word"])


def mask_of(node: Text | Class | Dot) -> Mask:
    """Of a text: its first character."""
    match node:
        case Dot(newline):
            return EVERYTHING if newline else EVERYTHING & ~NEWLINE
        case Class():
            inside = bits(sets.ranges_of(node, ascii_only=True)) & ~BEYOND
            return inside | (BEYOND if reaches_beyond(node) else 0)
        case Text(chars, fold):
            return mask_of_char(chars[0], fold)


def mask_of_char(char: str, fold: bool) -> Mask:
    if not char.isascii():
        return BEYOND
    if not fold:
        return 1 << ord(char)
    # in any case, k is also the sign of the Kelvin, and s the long s
    return 1 << ord(char.lower()) | 1 << ord(char.upper()) | (BEYOND if char in "kKsS" else 0)


def reaches_beyond(node: Class) -> bool:
    """Whether it may take a character beyond ASCII."""
    return (
        node.negative
        or node.fold
        or any(
            i.negative or i.wide if isinstance(i, Kind) else reaches_beyond(i) if isinstance(i, Class) else i[1] > 127
            for i in node.items
        )
    )


class Empty(NamedTuple):
    """How a part can take nothing. `ways`: 0, 1 or 2, which stands for more."""

    ways: int = 0
    barred: Mask = 0
    """What must not come next, and what must hold here, whichever way is taken."""


class Part(NamedTuple):
    """A part of the automaton. `first`: states that it can begin with; `last`: that it can end with; each with what is
    barred on the way there or from there."""

    first: list[tuple[int, Mask]]
    last: list[tuple[int, Mask]]
    empty: Empty


class TooLargeError(Exception):
    """More states than are worth looking at."""


class Automaton:
    """The states of one loop and the steps between them."""

    def __init__(self, groups: dict[int, Node]) -> None:
        self.groups = groups
        self.masks: list[Mask] = []
        self.steps: list[dict[int, tuple[Mask, Mask]]] = []
        """From state to state: the characters, and those for which there is more than one way."""
        self.calling: list[int] = []

    def state(self, mask: Mask) -> Part:
        if len(self.masks) >= MOST_STATES:
            raise TooLargeError
        self.masks.append(mask)
        self.steps.append({})
        here = [(len(self.masks) - 1, 0)]
        return Part(here, here, Empty())

    def join(self, last: Iterable[tuple[int, Mask]], first: Iterable[tuple[int, Mask]], between: Mask = 0) -> None:
        first = list(first)
        for p, after in last:
            steps = self.steps[p]
            for q, before in first:
                chars = self.allowed(p, q, after | before | between)
                if chars:
                    one, more = steps.get(q, (0, 0))
                    steps[q] = (one | chars, more | (one & chars))

    def allowed(self, p: int, q: int, barred: Mask) -> Mask:
        """The characters that take a step from p to q."""
        before, after = self.masks[p], self.masks[q] & ~barred
        if barred < BOUNDARY:
            return after
        if barred & TEXT_EDGE or (barred & LINE_START and not before & NEWLINE):
            return 0
        if barred & LINE_END:
            after &= NEWLINE
        sides = {word for word, other in ((True, WORD | BEYOND), (False, ~WORD)) if before & other}
        if barred & (BOUNDARY | INSIDE) and len(sides) == 1 and not after & BEYOND:
            word = sides.pop()
            same = WORD if word else ~WORD & EVERYTHING
            after &= ~same if barred & BOUNDARY else same
        return after

    def of(self, node: Node) -> Part:
        match node:
            case Text(chars, fold):
                return self.sequence([self.state(mask_of_char(c, fold)) for c in (chars.casefold() if fold else chars)])
            case Class():
                one = self.state(mask_of(node))
                longer = sets.expanded(node)
                return self.either([one, *(self.of(Text(t, True)) for t in longer)]) if longer else one
            case Dot():
                return self.state(mask_of(node))
            case Seq(items):
                return self.sequence([self.of(i) for i in items])
            case Alt(items):
                return self.either([self.of(i) for i in items])
            case Repeat():
                return self.repeat(node)
            case Group(item=item):
                return self.of(item)
            case Atomic(item):
                if isinstance(item, Repeat) and item.how != "lazy" and single(item.item):
                    return self.repeat(Repeat(item.item, item.least, item.most, "possessive"))
                return self.of(item)
            case If(yes=yes, no=no):
                return self.either([self.of(yes), self.of(no)])
            case Look():
                return Part([], [], Empty(1))
            case Anchor(kind):
                return Part([], [], Empty(1, ANCHORS.get(kind, 0)))
            case Back() | Absent():
                return self.loop(self.state(EVERYTHING), least=0)
            case Call(number):
                if number in self.calling or number not in self.groups:
                    return self.loop(self.state(EVERYTHING), least=0)
                self.calling.append(number)
                part = self.of(self.groups[number])
                self.calling.pop()
                return part

    def sequence(self, parts: list[Part]) -> Part:
        if not parts:
            return Part([], [], Empty(1))
        out = parts[0]
        for part in parts[1:]:
            self.join(out.last, part.first)
            first, last = out.first, part.last
            if out.empty.ways:
                first = first + through(part.first, out.empty)
            if part.empty.ways:
                last = last + through(out.last, part.empty)
            ways = min(out.empty.ways * part.empty.ways, 2)
            out = Part(first, last, Empty(ways, out.empty.barred | part.empty.barred))
        return out

    def either(self, parts: list[Part]) -> Part:
        ways = min(sum(p.empty.ways for p in parts), 2)
        barred = -1
        for part in parts:
            if part.empty.ways:
                barred &= part.empty.barred
        first = [f for p in parts for f in p.first]
        return Part(first, [x for p in parts for x in p.last], Empty(ways, barred if ways else 0))

    def repeat(self, node: Repeat) -> Part:
        most = node.most
        if most is not None:
            before = len(self.masks)
            one = self.of(node.item)
            if (len(self.masks) - before) * most <= MOST_COPIES or most == 1:
                copies = [one, *(self.of(node.item) for _ in range(most - 1))] if most else []
                optional = [p if n < node.least else self.optional(p) for n, p in enumerate(copies)]
                return self.sequence(optional)
            return self.loop(one, node.least)
        out = self.loop(self.of(node.item), node.least)
        if node.how == "possessive" and (chars := single(node.item)):
            last = [(p, barred | chars) for p, barred in out.last]
            return Part(out.first, last, out.empty._replace(barred=chars) if out.empty.ways else out.empty)
        return out

    def optional(self, part: Part) -> Part:
        return Part(part.first, part.last, Empty(min(part.empty.ways + 1, 2)))

    def loop(self, part: Part, least: int) -> Part:
        self.join(part.last, part.first)
        if part.empty.ways:
            # after a turn that took nothing there may be one more
            return part._replace(empty=Empty(2, part.empty.barred if least else 0))
        return part if least else self.optional(part)


ANCHORS = {"^": LINE_START, "A": TEXT_EDGE, "$": LINE_END, "z": TEXT_EDGE, "Z": TEXT_EDGE, "b": BOUNDARY, "B": INSIDE}


def through(ends: list[tuple[int, Mask]], empty: Empty) -> list[tuple[int, Mask]]:
    """Those ends, past a part that takes nothing."""
    return [(state, barred | empty.barred) for state, barred in ends] * empty.ways


def single(node: Node) -> Mask:
    """The characters of which it takes exactly one; 0: it is nothing so simple."""
    match node:
        case Class() if not sets.expanded(node):
            return mask_of(node)
        case Dot():
            return mask_of(node)
        case Text(chars) if len(chars) == 1 and len(chars.casefold()) == 1:
            return mask_of(node)
        case Group(item=item) | Atomic(item):
            return single(item)
        case Alt(items):
            masks = [single(i) for i in items]
            out = 0
            for mask in masks:
                # of two that overlap there are two ways to take one character
                if not mask or mask & out:
                    return 0
                out |= mask
            return out
        case _:
            return 0


def two_ways(item: Node, groups: dict[int, Node]) -> str | None:
    """A text that turns of this item can take in two ways; None: there is none. "": it is too large to tell."""
    automaton = Automaton(groups)
    try:
        automaton.loop(automaton.of(item), 1)
        return meeting(automaton)
    except TooLargeError:
        return ""


def meeting(automaton: Automaton) -> str | None:
    """The text of two ways that part at one state and meet at one again."""
    steps = automaton.steps
    came: dict[tuple[int, int], tuple[tuple[int, int], Mask]] = {}
    todo: list[tuple[int, int]] = []

    def text(pair: tuple[int, int], chars: Mask) -> str:
        masks = [chars]
        while pair[0] != pair[1]:
            pair, chars = came[pair]
            masks.append(chars)
        return "".join(map(char_of, reversed(masks)))

    seen: set[frozenset[tuple[int, tuple[Mask, Mask]]]] = set()
    for state, nexts in enumerate(steps):
        same = frozenset(nexts.items())
        if same in seen:
            continue
        seen.add(same)
        for _, twice in nexts.values():
            if twice:
                return char_of(twice)
        reached = list(nexts.items())
        for n, (p, (one, _)) in enumerate(reached):
            for q, (other, _) in reached[n + 1 :]:
                pair = (p, q) if p < q else (q, p)
                if one & other and pair not in came:
                    came[pair] = ((state, state), one & other)
                    todo.append(pair)
    at = 0
    while at < len(todo):
        if len(todo) > MOST_PAIRS:
            raise TooLargeError
        pair = todo[at]
        at += 1
        for p, (one, _) in steps[pair[0]].items():
            for q, (other, _) in steps[pair[1]].items():
                both = one & other
                if not both:
                    continue
                if p == q:
                    return text(pair, both)
                following = (p, q) if p < q else (q, p)
                if following not in came:
                    came[following] = (pair, both)
                    todo.append(following)
    return None


def char_of(chars: Mask) -> str:
    """One of them, that can be read where there is one."""
    for wanted in (WORD & ~(1 << 95), EVERYTHING & ~((1 << 33) - 1) & ~BEYOND & ~(1 << 127), 1 << 32):
        if chars & wanted:
            return chr((chars & wanted & -(chars & wanted)).bit_length() - 1)
    chars = chars & EVERYTHING & ~BEYOND or 0
    return chr((chars & -chars).bit_length() - 1) if chars else "é"
