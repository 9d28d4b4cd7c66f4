"""Sets of tags on their way through filters: what a Match takes of them, and what goes past it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import NamedTuple

from pyrolens.check.tags import empty, within
from pyrolens.records.tags import glob

FILLERS = ("0123456789abcdef0123456789abcdef", "x", "x.y", "")
"""What a `*` of a set may stand for where a test has to be tried."""
DRIVERS = "-firelens"
"""In every tag of a container."""
SHOWN = 2
"""Patterns of `except` that are shown."""


@dataclass(frozen=True)
class Trial:
    """A Match_Regex, or a pattern of Fluentd's: where nothing can be proved of it, it is tried."""

    text: str
    takes: Callable[[str], bool] = field(compare=False)
    samples: tuple[str, ...] = ()
    """Tags that it may take."""
    proves: Callable[[str], bool | None] = field(default=lambda pattern: None, compare=False)
    """Whether it takes all tags of a pattern, or none; None: some, or that is not known."""


class Split(NamedTuple):
    part: "Tags | None"
    """What is taken; None: nothing."""
    rest: "Tags | None"


@dataclass(frozen=True)
class Tags:
    """Tags that fit all patterns of `inside`, all `tests`, none of `outside` and none of `missed`. Never empty."""

    inside: tuple[str, ...]
    outside: tuple[str, ...] = ()
    tests: tuple[Trial, ...] = ()
    missed: tuple[Trial, ...] = ()
    """Tests that they do not pass."""
    foreign: bool = False
    """They do not come from Docker's log drivers, so none of them looks as if it did."""
    certain: bool = True
    """Records with each of them may well come; of an input whose peers choose the tags nobody knows."""

    def __str__(self) -> str:
        text = " & ".join([*self.inside, *(test.text for test in self.tests)])
        if self.tests and self.inside == ("*",):
            text = " & ".join(test.text for test in self.tests)
        left_out = (*self.outside, *(test.text for test in self.missed))
        if not left_out:
            return text
        some = ", ".join(left_out[:SHOWN]) + (", …" if len(left_out) > SHOWN else "")
        return f"{text} except {some}"

    @property
    def pattern(self) -> str:
        """One pattern that holds all of them, as narrow as there is."""
        return max(self.inside, key=lambda pattern: len(pattern.replace("*", "")))

    @property
    def is_open(self) -> bool:
        """They may be any."""
        return self.inside == ("*",)

    def covers(self, other: "Tags") -> bool:
        """Whether all of the others are in it, as far as that can be seen at once."""
        if self.outside or self.tests or self.missed:
            return self == other
        return all(any(within(one, pattern) for one in other.inside) for pattern in self.inside)

    def by(self, pattern: str) -> Split:
        """With a Match. This is exact, apart from tests."""
        if self.foreign and DRIVERS in pattern and not any(DRIVERS in one for one in self.inside):
            return Split(None, self)
        if empty((*self.inside, pattern), self.outside):
            return Split(None, self)
        if all(within(one, pattern) for one in self.inside):
            return Split(self, None)
        inside = (*(p for p in self.inside if not within(pattern, p)), pattern)
        if any(within(p, pattern) for p in self.inside):
            inside = self.inside
        outside = tuple(o for o in self.outside if not empty((*inside, o)))
        part = replace(self, inside=inside, outside=outside)
        if empty(self.inside, (*self.outside, pattern)):
            return Split(part, None)
        kept = tuple(o for o in self.outside if not within(o, pattern))
        return Split(part, replace(self, outside=(*kept, pattern)))

    def by_test(self, test: Trial) -> Split:
        """As far as examples tell; of tags that may be any, some are always taken."""
        if test in self.tests:
            return Split(self, None)
        if test in self.missed:
            return Split(None, self)
        known = {test.proves(pattern) for pattern in self.inside}
        if True in known:
            return Split(self, None)
        if False in known:
            return Split(None, self)
        both = Split(replace(self, tests=(*self.tests, test)), replace(self, missed=(*self.missed, test)))
        if self.is_open and not self.tests:
            return both
        tried = [test.takes(example) for example in (*self.examples(), *filter(self.holds, test.samples))]
        if tried and all(tried):
            return Split(self, None)
        return both if any(tried) else Split(None, self)

    def examples(self) -> Iterator[str]:
        yield from filter(self.holds, (sample for test in self.tests for sample in test.samples))
        for pattern in self.inside:
            stars = min(pattern.count("*"), 4)
            for fillers in product(FILLERS, repeat=stars) if stars < 3 else [(f,) * stars for f in FILLERS]:
                tag = pattern
                for filler in fillers:
                    tag = tag.replace("*", filler, 1)
                tag = tag.replace("*", "x")
                if self.holds(tag):
                    yield tag

    def holds(self, tag: str) -> bool:
        return (
            all(glob(p)(tag) for p in self.inside)
            and not any(glob(p)(tag) for p in self.outside)
            and all(test.takes(tag) for test in self.tests)
            and not any(test.takes(tag) for test in self.missed)
        )
