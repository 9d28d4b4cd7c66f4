"""Sets of tags, written as Match is: `*` stands for any text. What is said about two of them is proved, not tried."""

import re
from functools import lru_cache

from pyrolens.records.accessor import GroupOf, Key, Tag, read_parts
from pyrolens.records.tags import glob

FRESH = "\0"
"""A character that stands in no pattern."""


def overlap(one: str, other: str) -> bool:
    """Whether some tag is in both."""
    states = {(0, 0)}
    seen: set[tuple[int, int]] = set()
    while states:
        at = states.pop()
        if at in seen:
            continue
        seen.add(at)
        a, b = at
        if a == len(one) and b == len(other):
            return True
        left, right = one[a : a + 1], other[b : b + 1]
        if left == "*":
            states |= {(a + 1, b)} | ({(a, b + 1)} if right else set())
        if right == "*":
            states |= {(a, b + 1)} | ({(a + 1, b)} if left else set())
        if left and left == right:
            states.add((a + 1, b + 1))
    return False


def within(inner: str, outer: str) -> bool:
    """Whether every tag of `inner` is in `outer`."""
    return glob(outer)(inner.replace("*", FRESH))


def new_tags(template: str, old: str) -> str:
    """The tags that NEW_TAG of rewrite_tag makes of those of `old`. Raises: ValueError for what is no template."""
    made = ""
    for part in read_parts(template):
        if isinstance(part, Tag) and part.part is None:
            made += old
        elif isinstance(part, (Key, GroupOf, Tag)):
            made += "*"
        else:
            # a * of the text itself is part of the tag, and as a wildcard it is too much rather than too little
            made += part
    return re.sub(r"\*+", "*", made)


@lru_cache(maxsize=4096)
def empty(inside: tuple[str, ...], outside: tuple[str, ...] = ()) -> bool:
    """Whether no tag is in all of `inside` and in none of `outside`."""
    patterns = (*inside, *outside)
    letters = {char for pattern in patterns for char in pattern if char != "*"} | {FRESH}
    waiting = [tuple(_onward(pattern, {0}) for pattern in patterns)]
    seen = set(waiting)
    while waiting:
        state = waiting.pop()
        ended = [len(pattern) in at for pattern, at in zip(patterns, state, strict=True)]
        if all(ended[: len(inside)]) and not any(ended[len(inside) :]):
            return False
        for letter in letters:
            new = tuple(_after(pattern, at, letter) for pattern, at in zip(patterns, state, strict=True))
            if new not in seen and all(new[: len(inside)]):
                seen.add(new)
                waiting.append(new)
    return True


def _after(pattern: str, at: frozenset[int], letter: str) -> frozenset[int]:
    """Where in a pattern one may be after a letter."""
    stay = {n for n in at if pattern[n : n + 1] == "*"}
    return _onward(pattern, stay | {n + 1 for n in at if pattern[n : n + 1] == letter})


def _onward(pattern: str, at: set[int]) -> frozenset[int]:
    """With the places behind stars, which may stand for nothing."""
    found = set(at)
    for n in sorted(at):
        while pattern[n : n + 1] == "*":
            n += 1
            found.add(n)
    return frozenset(found)
