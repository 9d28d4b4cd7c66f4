"""Records that come to one destination by two outputs: they are stored, and paid for, twice."""

from itertools import combinations
from typing import NamedTuple

from pyrolens.explain.matrix import Matrix, Way


class Twice(NamedTuple):
    source: str
    outputs: tuple[str, str]
    where: str


def twice(matrix: Matrix) -> list[Twice]:
    """Of each source, the outputs that lead to one place and may both get a record."""
    to = {d.output: (d.plugin, d.where) for d in matrix.destinations if d.where}
    out = []
    for source in matrix.sources:
        ways = [way for way in matrix.of(source) if way.how == "output" and way.who in to]
        for one, other in combinations(ways, 2):
            if to[one.who] == to[other.who] and not exclusive(one, other):
                out.append(Twice(source.name, (one.who, other.who), to[one.who][1]))
    return out


def exclusive(one: Way, other: Way) -> bool:
    """Whether no record can go both ways: of each two ends, one asks for the contrary of what the other asks for."""
    ones, others = ([{(c.test, c.holds) for c in end.flow.conditions} for end in way.ends] for way in (one, other))
    return all(any((test, not holds) in theirs for test, holds in ours) for ours in ones for theirs in others)
