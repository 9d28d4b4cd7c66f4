"""Which of many texts a pattern occurs in, found by one scan over all of them joined.

A scan of the joined text finds candidates only, each of which is then tested by itself. Measured (1,000 lines of 210
characters, none of which matches): 0.1 us a line instead of 0.2-0.6, as most of the rest is the price of a call.
"""

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any as Anything

from pyrolens.records.regex import sets
from pyrolens.records.regex.facts import All, Any, Formula, Has, Occurs
from pyrolens.records.regex.nodes import Anchor, Class, Dot, Node, Text, walk

BETWEEN = "\0"
ONE_MORE = len(BETWEEN).__add__
FEWEST = 8
"""Texts for which joining pays."""

Next = Callable[[str, int], int]
"""(joined text, from where) -> where the next candidate is, or -1."""


def scans(formula: Formula) -> list[Has | Occurs] | None:
    """Of what each text in which the formula holds has at least one; None: there is no such list."""
    match formula:
        case Has(literal):
            return [formula] if BETWEEN not in literal else None
        case Occurs(node, start):
            return [formula] if not start and keeps_to_itself(node) else None
        case Any(items):
            out: list[Has | Occurs] = []
            for item in items:
                each = scans(item)
                if each is None:
                    return None
                out += each
            return out
        case All(items):
            # one of those that must hold will do: a literal rather than a pattern, a long one rather than a short
            able = [s for s in map(scans, items) if s]
            return min(
                able, key=lambda s: (len(s), *(-len(h.literal) if isinstance(h, Has) else 0 for h in s)), default=None
            )
        case _:
            return None


def keeps_to_itself(node: Node) -> bool:
    """Whether a match in one text is found, and ends there, when others are joined to it."""
    for part in walk(node):
        match part:
            case Anchor(kind="b" | "B"):
                pass
            case Anchor() | Dot(newline=True) | Dot():
                return False
            case Class() if sets.has(sets.ranges_of(part, True), ord(BETWEEN)):
                return False
            case Text(chars) if BETWEEN in chars:
                return False
    return True


def literal_finder(literal: str) -> Next:
    return lambda joined, at: joined.find(literal, at)


def pattern_finder(search: Callable[..., Anything]) -> Next:
    def find(joined: str, at: int) -> int:
        found = search(joined, at)
        return -1 if found is None else int(found.start())

    return find


def which_by_scan(
    test: Callable[[str], bool],
    one_by_one: Callable[[list[Anything]], list[int]],
    finders: list[tuple[Next, bool]],
    only_ascii: bool,
    only_line: bool,
) -> Callable[[list[Anything]], list[int]]:
    """The indexes of the texts for which `test` holds. What is not text does not match.

    `finders`: with whether to look in the joined text as it is, or in small letters."""

    def which(values: list[Anything]) -> list[int]:
        if len(values) < FEWEST:
            return one_by_one(values)
        try:
            joined = BETWEEN.join(values)
        except TypeError:
            return one_by_one(values)
        if (only_ascii and not joined.isascii()) or (only_line and "\n" in joined):
            return one_by_one(values)
        small = joined.lower() if any(lower for _, lower in finders) else ""
        ends: list[int] = []
        matching: set[int] = set()
        limit = len(values) // 8 + 1
        for find, lower in finders:
            text = small if lower else joined
            at = find(text, 0)
            if at >= 0 and not ends:
                # where each text ends, and what is between
                ends = list(accumulate(map(ONE_MORE, map(len, values))))
            candidates = 0
            while at >= 0:
                candidates += 1
                if candidates > limit:
                    # so many that calls are cheaper than finding out which text it was
                    return one_by_one(values)
                index = bisect_right(ends, at)
                if index not in matching and test(values[index]):
                    matching.add(index)
                at = find(text, ends[index]) if index < len(values) - 1 else -1
        return sorted(matching)

    return which
