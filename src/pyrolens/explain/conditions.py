"""What a record or its tag has to be to go a certain way, as far as the config alone says it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pyrolens.check.tags import overlap, within
from pyrolens.problems import Place

Operator = Literal["=~", "like", "where"]
"""A field matches a pattern; a tag fits a Match; a condition in a language of its own holds."""
NEGATIVE = {"=~": "!~", "like": "not like", "where": "where not"}


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """What is asked of a record."""

    left: str
    """The field as an accessor, or `tag`; "" where the condition names its fields itself."""
    operator: Operator
    right: str
    asked: int = 0
    """How many filters before may have changed what is asked about: only of the same state of a record is a test true
    and false together impossible."""

    def text(self, holds: bool) -> str:
        operator = self.operator if holds else NEGATIVE[self.operator]
        if self.operator == "where":
            return self.right if holds else f"not ({self.right})"
        # a blank at an end is a part of the pattern
        right = self.right if self.right == self.right.strip() else f"'{self.right}'"
        return f"{self.left} {operator} {right}"


@dataclass(frozen=True, slots=True)
class Condition:
    test: Question
    holds: bool
    by: str
    """Label of the filter, output or stream task that asks."""
    place: Place | None = None

    def __str__(self) -> str:
        return self.test.text(self.holds)


@dataclass(frozen=True, slots=True)
class Doubt:
    """What nobody can know from the config."""

    by: str
    why: str
    place: Place | None = None

    def __str__(self) -> str:
        return f"{self.by} {self.why}"


Asked = frozenset[tuple[Question, bool]]
"""Tests that must hold, or not hold, all together. None: always."""


def simplest(ways: Iterable[Asked]) -> list[Asked]:
    """The same ways with as few tests as can be: where one goes by a test, another need not say that it fails; and what
    is part of a wider way is left out."""
    found = set(ways)
    while shorter := next(_shorter(found), None):
        old, new = shorter
        found = {way for way in found if way != old and not new < way} | {new}
    return sorted((w for w in found if not any(o < w for o in found)), key=lambda w: (len(w), sorted(w)))


def _shorter(ways: set[Asked]) -> Iterator[tuple[Asked, Asked]]:
    """A way, and the same without a test that it does not need."""
    for other in sorted(ways, key=sorted):
        for test, holds in sorted(other):
            rest = other - {(test, holds)}
            if any((test, not holds) in one and one - {(test, not holds)} <= rest for one in ways):
                yield other, rest


def without_implied(conditions: Sequence[Condition]) -> list[Condition]:
    """Without what is said of the tag and follows from something else that is said of it."""
    out = list(conditions)
    for one in conditions:
        others = [c for c in out if c is not one and c.holds and _alike(c.test, one.test)]
        taken = [within(c.test.right, one.test.right) for c in others]
        if any(taken) if one.holds else any(not overlap(c.test.right, one.test.right) for c in others):
            out.remove(one)
    return out


def _alike(one: Question, other: Question) -> bool:
    """Whether both are a Match, asked of the same tag."""
    return (
        one.operator == other.operator == "like"
        and one.asked == other.asked
        and one.right != other.right
        and not ({" "} & {*one.right, *other.right})
    )
