"""Patterns that can take very long: found by looking at the pattern alone.

A backtracking engine, such as Onigmo and Python's, tries all the ways in which a pattern can take a text before it
says that it does not match. There can be exponentially many ways through a loop within a loop (`(a+)+b`), and n**4 ways
of four loops behind one another (`.*x.*x.*x.*y`). Whoever writes the log lines can make use of that.

Exponential time is never missed (of what a pattern of this kind can do; calls of groups are looked at one level deep),
but a pattern may be suspected that is quick only because of what it looks ahead or back at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from math import prod

from pyrolens.records.regex.ambiguity import EVERYTHING, MANY, Mask, mask_of_char, single, two_ways
from pyrolens.records.regex.nodes import (
    Absent,
    Alt,
    Anchor,
    Atomic,
    Back,
    Call,
    Dot,
    Group,
    If,
    Look,
    Node,
    Repeat,
    Seq,
    Text,
    parts,
    walk,
    width,
)

ANYTHING = Repeat(Dot(), 0, None)
MOST_BRANCHES, MOST_SEQUENCES = 16, 200
"""Choices of branches that are looked at: of one sequence, and of all that are in its branches."""
BOUNDED, TOLD = 3, 4
"""The power of the text's length from which the time is bounded, and from which the pattern is reported too: n**3 is
`x.*y.*z`, which many write and which is quick on lines that nobody made for it."""


@dataclass(frozen=True, slots=True)
class Danger:
    """Why a pattern can take long."""

    part: Node
    """The loop, or the last of the loops behind one another."""
    power: int
    """The time grows with this power of the text's length; 0: exponentially."""
    text: str = ""
    """What such a text repeats, where that is known."""

    @property
    def told(self) -> bool:
        """Whether it is worth a warning."""
        return not self.power or self.power >= TOLD


def danger_of(node: Node) -> Danger | None:
    """The worst that can happen, or None."""
    if not any(isinstance(n, Call) or (isinstance(n, Repeat) and n.most != 1) for n in walk(node)):
        return None
    groups: dict[int, Node] = {g.number: g.item for g in walk(node) if isinstance(g, Group)}
    found = next(exponential(node, False, groups), None)
    if found is not None:
        return found
    return polynomial(node)


def exponential(node: Node, then: bool, groups: dict[int, Node]) -> Iterator[Danger]:
    """`then`: what comes after it can fail, so that another way through it is tried."""
    match node:
        case Seq(items):
            for n, item in enumerate(items):
                yield from exponential(item, then or can_fail(items[n + 1 :]), groups)
        case Repeat(item, least, most, how):
            again = then and how != "possessive"
            if again and (most is None or most >= MANY):
                if varies(item) and (text := two_ways(item, groups)) is not None:
                    yield Danger(node, 0, text)
                elif least >= MANY and width(item)[0] == 0 and width(item)[1] != 0:
                    yield Danger(node, 0)
            yield from exponential(item, again or (least > 1 and can_fail((item,))), groups)
        case Atomic(item) | Look(item=item) | Absent(item):
            yield from exponential(item, False, groups)
        case Call(number) if number == 0 or any(n == Call(number) for n in walk(groups.get(number, Seq()))):
            yield Danger(node, 0)
        case _:
            for part in parts(node):
                yield from exponential(part, then, groups)


def varies(node: Node) -> bool:
    """Whether there is a choice in it."""
    return any(
        isinstance(n, Alt | If | Back | Call | Absent) or (isinstance(n, Repeat) and n.least != n.most)
        for n in walk(node)
    )


def can_fail(items: tuple[Node, ...]) -> bool:
    """Whether there are texts that these, one after another, do not match."""
    before: Node = Seq()
    for item in items:
        at_line_end = item == Anchor("$") and isinstance(before, Repeat) and before == ANYTHING
        if not at_line_end and not always(item):
            return True
        before = item.item if isinstance(item, Group) else item
    return False


def always(node: Node) -> bool:
    match node:
        case Seq(items):
            return not can_fail(items)
        case Alt(items):
            return any(map(always, items))
        case Repeat(item, least):
            return least == 0 or always(item)
        case Group(item=item) | Atomic(item) | Look(item, False, False):
            return always(item)
        case If(yes=yes, no=no):
            return always(yes) and always(no)
        case Anchor(kind):
            return kind == "K"
        case Absent():
            return True
        case _:
            return False


# loops behind one another


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop, with all the characters that it can take."""

    node: Node
    chars: Mask
    needed: bool
    """It takes one at least."""


@dataclass(frozen=True, slots=True)
class Must:
    """A character that stands between loops."""

    chars: Mask
    literal: str = ""


Link = Loop | Must


def polynomial(node: Node) -> Danger | None:
    worst: Danger | None = None
    scopes = [node, *(n.item for n in walk(node) if isinstance(n, Look | Atomic))]
    for scope in scopes:
        for items in islice(sequences(scope), MOST_SEQUENCES):
            links = [link for item in items for link in linked(item)]
            if scope is node and not starts_once(items):
                links.insert(0, Loop(scope, EVERYTHING, False))
            found = longest(links, items)
            if found is not None and (worst is None or found.power > worst.power):
                worst = found
    return worst if worst is not None and worst.power >= BOUNDED else None


def sequences(node: Node) -> Iterator[tuple[Node, ...]]:
    """The pattern as what comes one after another, once for each choice of branches, up to a number of them."""
    items = flat(node)
    choices = [len(i.items) for i in items if isinstance(i, Alt)]
    if not choices or prod(choices) > MOST_BRANCHES:
        yield items
        return
    for branches in product(*(i.items if isinstance(i, Alt) else (i,) for i in items)):
        yield from sequences(Seq(branches))


def flat(node: Node) -> tuple[Node, ...]:
    match node:
        case Group(item=item):
            return flat(item)
        case Repeat(item, 1, 1):
            return flat(item)
        case Seq(items):
            return tuple(f for i in items for f in flat(i))
        case _:
            return (node,)


def starts_once(items: tuple[Node, ...]) -> bool:
    """Whether a line has one place at which it can begin, so that a search looks nowhere else."""
    first = items[0] if items else None
    return first in (Anchor("^"), Anchor("A")) or leads(first)


def leads(node: Node | None) -> bool:
    """`.*`, which takes all of the line that is before a match."""
    return node in (ANYTHING, Repeat(Dot(), 0, None, "lazy"))


def linked(node: Node) -> Iterator[Link]:
    match node:
        case Text(chars, fold):
            for c in chars:
                yield Must(mask_of_char(c, fold), c)
        case Repeat(item, least, most, how):
            if how == "possessive":
                yield from [Must(taken(item))] * (least > 0)
            elif most is None or most > 100:
                yield Loop(node, taken(item), least > 0)
            else:
                for _ in range(min(least, 3)):
                    yield from linked(item)
        case Alt():
            if width(node)[0]:
                yield Must(taken(node))
        case Group(item=item) | Atomic(item):
            yield from linked(item)
        case Seq(items):
            for i in items:
                yield from linked(i)
        case Back() | Call() | Absent():
            yield Loop(node, EVERYTHING, False)
        case If() | Look() | Anchor():
            return
        case _:
            yield Must(taken(node))


def taken(node: Node) -> Mask:
    """All characters that it can take."""
    if chars := single(node):
        return chars
    match node:
        case Text(chars_of, fold):
            out = 0
            for c in chars_of:
                out |= mask_of_char(c, fold)
            return out
        case Back() | Call() | Absent():
            return EVERYTHING
        case Look() | Anchor():
            return 0
        case _:
            out = 0
            for part in parts(node):
                out |= taken(part)
            return out


def longest(links: list[Link], items: tuple[Node, ...]) -> Danger | None:
    """The longest row of loops of which each can leave to the next any part of what it takes."""
    loops = [n for n, link in enumerate(links) if isinstance(link, Loop)]
    powers: dict[int, int] = {}
    worst: Danger | None = None
    for m, end in enumerate(loops):
        powers[end] = 1
        for start in loops[:m]:
            gives = shares(links, start, end) and tries_again(links, start, end, items)
            powers[end] = max(powers[end], powers[start] + gives)
        link = links[end]
        assert isinstance(link, Loop)
        if worst is None or powers[end] > worst.power:
            worst = Danger(link.node, powers[end])
    return worst


def shares(links: list[Link], start: int, end: int) -> bool:
    """Whether there is a text that both loops take, and the way from one to the other, too."""
    first, last = links[start], links[end]
    common = first.chars & last.chars
    return bool(common) and all(
        (link.chars & common) or (isinstance(link, Loop) and not link.needed) for link in links[start + 1 : end]
    )


def tries_again(links: list[Link], start: int, end: int, items: tuple[Node, ...]) -> bool:
    """Whether what comes after the second loop can fail on such a text. It cannot where it only wants the literals
    again that stand between the two: `.* .* .*$` finds its blank wherever the others did."""
    between = "".join(link.literal for link in links[start + 1 : end] if isinstance(link, Must))
    last = links[end]
    at = next((n for n, i in enumerate(items) if isinstance(last, Loop) and i is last.node), None)
    rest = items[at + 1 :] if at is not None else ()
    if at is None:
        return end + 1 < len(links) or can_fail(items[-1:])
    for n, item in enumerate(rest):
        if isinstance(item, Text) and not item.fold:
            if item.chars not in between or not takes_anything(rest[n + 1] if n + 1 < len(rest) else None):
                return True
        elif item == Anchor("$"):
            if not takes_anything(rest[n - 1] if n else items[at]):
                return True
        elif not always(item):
            return True
    return False


def takes_anything(node: Node | None) -> bool:
    return node is None or (isinstance(node, Repeat) and isinstance(node.item, Dot) and node.most is None)
