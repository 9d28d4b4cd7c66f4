"""In how many ways a pattern may read one text, at most: so many steps can a backtracking engine take.

danger.py knows well what is wrong with one row of loops, and says so to people; here alternatives, and loops within
counted or optional parts, are looked at as well, and nothing is said: texts are watched from a length at which it could
take long. The whole pattern becomes an automaton (see ambiguity.py). A loop of it is a set of states that lead to each
other. Two loops share a text if it leads within the one, within the other, and from the one to the other: then each of
its repetitions may be left to either, and n of them are read in n ways. With k such pairs in a row there are n**k ways,
each of which takes n steps; that is Weber and Seidl's criterion (On the degree of ambiguity of finite automata, 1991).
What is left are the states that several others lead to on the same text: each may multiply the ways.

That bounds the ways from above. What is looked ahead or back at is a pattern of its own, tried at each step.
"""

from dataclasses import dataclass
from itertools import product
from math import factorial, log2
from typing import NamedTuple

from pyrolens.records.regex.ambiguity import MANY, Automaton, Mask, TooLargeError, single, two_ways
from pyrolens.records.regex.budget import LONG, SHORT
from pyrolens.records.regex.danger import flat, leads, varies
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
    Look,
    Node,
    Repeat,
    Seq,
    Text,
    parts,
    walk,
)

FEW, FEW_OF_OURS = 22, 15
"""Two to the power of this many steps take a tenth of a second, in `re` and in our own matcher."""
MOST_WORK = 150_000
"""Pairs of steps that are looked at: some 100 ms."""


@dataclass(frozen=True, slots=True)
class Bound:
    """n**power / power! * 2**bits steps for a text of n characters."""

    power: int
    bits: float

    def steps(self, length: int) -> float:
        """As a power of two."""
        return self.power * log2(length) - log2(factorial(self.power)) + self.bits


def unwatched(node: Node, in_line: bool, known: int, ours: bool) -> int:
    """Texts of fewer characters take few steps. `in_line`: a match begins at the start of a line only, so that it is
    looked for once. `known`: the power that danger.py has found for rows of loops, or one that it would have told.
    `ours`: our own matcher runs it."""
    if not any(isinstance(n, Repeat | Alt | If | Back | Call | Absent) for n in walk(node)):
        return LONG
    groups: dict[int, Node] = {g.number: g.item for g in walk(node) if isinstance(g, Group)}
    few = FEW_OF_OURS if ours else FEW
    if Bound(1, all_bits(node)).steps(LONG) <= few and not any(may_loop(n) for n in walk(node)):
        return LONG
    try:
        # what is quick to find out is often enough
        bound = bound_of(node, in_line, known, groups, quickly=True)
        if bound.steps(LONG) > few:
            bound = bound_of(node, in_line, known, groups)
    except TooLargeError:
        return 0
    return LONG if bound.steps(LONG) <= few else SHORT if bound.steps(SHORT) <= few else 0


def may_loop(node: Node) -> bool:
    match node:
        case Repeat(_, _, most):
            return most is None or most >= MANY
        case _:
            return isinstance(node, Look | Back | Call | Absent)


def bound_of(node: Node, in_line: bool, known: int, groups: dict[int, Node], quickly: bool = False) -> Bound:
    """Raises: TooLargeError."""
    head, rest = split(node) if in_line else ((), node)
    rest = without_tail(rest)
    automaton = Automaton(groups)
    part = automaton.of(rest)
    graph = Graph(automaton, [state for state, _ in part.first])
    power = graph.power(anywhere=not in_line)
    if plain(node):
        # danger.py knows better, such as that a loop finds again what it looks for
        power = min(power, known)
    bits = all_bits(node)
    if not quickly:
        try:
            bits = min(bits, graph.bits() + empty_bits(node))
        except TooLargeError:
            pass
    within = [bound_of(item, True, known, groups, quickly) for item in topmost(rest, groups)]
    once = [bound_of(n.item, True, known, groups, quickly) for n in head]
    most = Bound(max((b.power for b in within), default=0), sum(b.bits for b in within))
    total = Bound(power + most.power, bits + most.bits)
    return max([total, *once], key=lambda bound: bound.steps(SHORT))


def split(node: Node) -> tuple[tuple[Look, ...], Node]:
    """What is looked at once, at the start of a match, and the rest."""
    items = node.items if isinstance(node, Seq) else (node,)
    here = next((n for n, item in enumerate(items) if not isinstance(item, Look | Anchor)), len(items))
    return tuple(i for i in items[:here] if isinstance(i, Look)), Seq(items[here:])


def without_tail(node: Node) -> Node:
    """Without `.*` or `.*$` at its end, which match wherever they are reached: then there is nothing to try again."""
    items = flat(node)
    while items and (leads(items[-1]) or (items[-1] == Anchor("$") and len(items) > 1 and leads(items[-2]))):
        items = items[:-1]
    return Seq(items)


def topmost(node: Node, groups: dict[int, Node]) -> list[Node]:
    """What is tried for itself within the text that is read, again and again, but for what is within another such part:
    what is looked at, and the turns of loops that can read a text in many ways, but do not, as nothing fails after them
    (else danger.py has found them)."""
    match node:
        case Look(item=item) | Absent(item):
            return [item]
        case Repeat(item, _, most) if (
            (most is None or most >= MANY) and varies(item) and two_ways(item, groups) is not None
        ):
            return [item]
        case _:
            return [found for part in parts(node) for found in topmost(part, groups)]


def plain(node: Node) -> bool:
    """Whether danger.py looks at all of its loops: they are of one character each, and not within a repeat."""
    match node:
        case Repeat(item):
            return bool(single(item)) or not any(
                isinstance(n, Repeat | Alt | Back | Call | Absent | If) for n in walk(item)
            )
        case Alt() | If() | Back() | Call() | Absent():
            return False
        case _:
            return all(map(plain, parts(node)))


class Way(NamedTuple):
    """A step from a state."""

    state: int
    chars: Mask
    twice: bool
    """There are two, by some of them."""
    loop: bool
    """The state is within a loop."""


class Graph:
    """The states of a pattern, those that lead to each other taken together."""

    def __init__(self, automaton: Automaton, first: list[int]) -> None:
        self.steps, self.masks, self.first = automaton.steps, automaton.masks, first
        self.work = 0
        self.parts = components(self.steps)
        """Each after all that it leads to."""
        self.part_of = {state: n for n, states in enumerate(self.parts) for state in states}
        self.loops = [n for n, states in enumerate(self.parts) if len(states) > 1 or states[0] in self.steps[states[0]]]

    def power(self, anywhere: bool) -> int:
        """Of the row of loops with the most neighbours that can share a text. `anywhere`: a match is looked for at each
        place, which is a loop in front that takes anything."""
        rows: dict[int, int] = {}
        for n in self.loops:  # the last ones first
            reached = self._reached(self.parts[n])
            behind = [other for other in rows if not reached.isdisjoint(self.parts[other])]
            rows[n] = max([1, *(rows[other] + self._shares(n, other) for other in behind)])
        row = max(rows.values(), default=0)
        return max([row, 1, *(rows[n] + self._begins(n) for n in rows)]) if anywhere else row

    def _shares(self, first: int, last: int) -> bool:
        """Whether a text takes a state of the one to itself, a state of the other to itself, and the one to
        the other: then each of its repetitions may be left to either. Raises: TooLargeError."""
        inside, behind = set(self.parts[first]), set(self.parts[last])
        for p in inside:
            for q in behind:
                seen = {(p, p, q)}
                todo = [(p, p, q)]
                while todo:
                    a, b, c = todo.pop()
                    for (x, one), (y, other), (z, third) in product(
                        self._steps_within(a, inside), self._masks(b), self._steps_within(c, behind)
                    ):
                        if one & other & third:
                            if (x, y, z) == (p, q, q):
                                return True
                            if (x, y, z) not in seen:
                                seen.add((x, y, z))
                                todo.append((x, y, z))
                        self._count()
        return False

    def _begins(self, n: int) -> bool:
        """The same of what is skipped before a match, and a loop."""
        inside = set(self.parts[n])
        for q in inside:
            seen = {(y, z) for y in self.first for z, mask in self._steps_within(q, inside) if mask & self.masks[y]}
            todo = list(seen)
            while todo:
                b, c = todo.pop()
                if (b, c) == (q, q):
                    return True
                for (y, one), (z, other) in product(self._masks(b), self._steps_within(c, inside)):
                    if one & other and (y, z) not in seen:
                        seen.add((y, z))
                        todo.append((y, z))
                    self._count()
        return False

    def _masks(self, state: int) -> list[tuple[int, Mask]]:
        return [(to, mask) for to, (mask, _) in self.steps[state].items()]

    def _steps_within(self, state: int, inside: set[int]) -> list[tuple[int, Mask]]:
        return [(to, mask) for to, (mask, _) in self.steps[state].items() if to in inside]

    def _count(self) -> None:
        self.work += 1
        if self.work > MOST_WORK:
            raise TooLargeError

    def _reached(self, start: list[int]) -> set[int]:
        """All that these lead to."""
        seen: set[int] = set()
        todo = list(start)
        while todo:
            for to in self.steps[todo.pop()]:
                if to not in seen:
                    seen.add(to)
                    todo.append(to)
        return seen

    def bits(self) -> float:
        """Two to the power of so many ways come from states that several others lead to, apart from what loops do."""
        together = self._together()
        before: dict[int, list[Way]] = {}
        loops = {state for n in self.loops for state in self.parts[n]}
        for state, nexts in enumerate(self.steps):
            for to, (mask, twice) in nexts.items():
                if self.part_of[state] != self.part_of[to]:
                    before.setdefault(to, []).append(Way(state, mask, bool(twice), state in loops))
        weights = {
            n: max((log2(ways(before.get(state, []), together)) for state in states), default=0.0)
            for n, states in enumerate(self.parts)
        }
        totals: list[float] = []
        for n, states in enumerate(self.parts):
            later = {self.part_of[to] for state in states for to in self.steps[state]} - {n}
            totals.append(weights[n] + max((totals[m] for m in later), default=0.0))
        again = len(self.first) if len(set(self.first)) < len(self.first) else 1
        return max(totals, default=0.0) + log2(again)

    def _together(self) -> set[tuple[int, int]]:
        """Pairs of states in which a pattern may be after one text."""
        seen = {(p, q) for p in self.first for q in self.first if p <= q and self.masks[p] & self.masks[q]}
        todo = list(seen)
        self.work = 0
        while todo:
            p, q = todo.pop()
            self.work += len(self.steps[p]) * len(self.steps[q])
            if self.work > MOST_WORK:
                raise TooLargeError
            for one, (some, _) in self.steps[p].items():
                for other, (others, _) in self.steps[q].items():
                    if some & others:
                        pair = (one, other) if one <= other else (other, one)
                        if pair not in seen:
                            seen.add(pair)
                            todo.append(pair)
        return seen


def ways(before: list[Way], together: set[tuple[int, int]]) -> int:
    """In how many ways one text can lead on. Those that come from loops count once: a loop that is left out is one that
    took nothing, and that is among the ways in which loops share a text."""
    shared = [
        way
        for way in before
        if any(
            way.chars & other.chars and (min(way.state, other.state), max(way.state, other.state)) in together
            for other in before
            if other is not way
        )
    ]
    from_loops = any(way.loop for way in shared)
    return max(sum(not way.loop for way in shared) + from_loops + sum(way.twice for way in before), 1)


def all_bits(node: Node) -> float:
    """Two to the power of so many ways there are through it, whatever the text, with each loop as one way and a part of
    its turn."""
    match node:
        case Seq(items):
            return sum(map(all_bits, items))
        case Alt(items):
            each = [all_bits(i) for i in items]
            return max(each) + log2(len(each))
        case If(yes=yes, no=no):
            return max(all_bits(yes), all_bits(no)) + 1
        case Repeat(item, least, None):
            # a turn that takes nothing may be there or not
            return all_bits(item) * max(least, 1) + (empty_ways(item) > 0)
        case Repeat(item, least, most):
            return all_bits(item) * (most or 0) + log2((most or 0) - least + 1)
        case Group(item=item) | Atomic(item):
            return all_bits(item)
        case Call():
            return float("inf")
        case Text() if node.fold and len(node.chars) != len(node.chars.casefold()):
            return float(len(node.chars))
        case _:
            return 0.0


def empty_bits(node: Node) -> float:
    """Two to the power of so many ways come from parts that can take nothing in several ways."""
    nothing = empty_ways(node)
    of_all = log2(nothing) if nothing > 1 else 0.0
    match node:
        case Seq(items):
            return max(of_all, sum(map(empty_bits, items)))
        case Repeat(item, least, most):
            copies = least if most is None else most
            return max(of_all, empty_bits(item) * max(copies, 1))
        case Look() | Absent():
            return 0.0
        case _:
            return max(of_all, max(map(empty_bits, parts(node)), default=0.0))


def empty_ways(node: Node) -> int:
    """In how many ways it takes nothing."""
    match node:
        case Seq(items):
            out = 1
            for item in items:
                out *= empty_ways(item)
            return out
        case Alt(items):
            return sum(map(empty_ways, items))
        case If(yes=yes, no=no):
            return empty_ways(yes) + empty_ways(no)
        case Repeat(item, least, most):
            one = empty_ways(item)
            turns = range(least, (least + 1 if most is None else most) + 1)
            return (
                sum(min(one, 1 << 20) ** min(turn, 60) for turn in turns)
                if one > 1
                else len(turns)
                if one
                else least == 0
            )
        case Group(item=item) | Atomic(item):
            return empty_ways(item)
        case Text() | Class() | Dot():
            return 0
        case Look() | Anchor() | Back() | Call() | Absent():
            return 1


def components(steps: list[dict[int, tuple[Mask, Mask]]]) -> list[list[int]]:
    """Those that lead to each other, each set after all that it leads to (Tarjan)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    out: list[list[int]] = []
    for root in range(len(steps)):
        if root in index:
            continue
        work = [(root, iter(steps[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            state, nexts = work[-1]
            for to in nexts:
                if to not in index:
                    index[to] = low[to] = len(index)
                    stack.append(to)
                    on_stack.add(to)
                    work.append((to, iter(steps[to])))
                    break
                if to in on_stack:
                    low[state] = min(low[state], index[to])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == index[state]:
                    at = stack.index(state)
                    out.append(stack[at:])
                    on_stack -= set(stack[at:])
                    del stack[at:]
    return out
