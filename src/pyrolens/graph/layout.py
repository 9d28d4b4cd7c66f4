"""Where everything stands: layers of boxes, and edges between them that meet no box on their way.

Sources: Sugiyama, Tagawa and Toda (1981) for the layers and the order within them; places within a layer are those
nearest to their neighbours that keep their distances, which is isotonic regression. Nodes have even layers, labels of
edges odd ones, so that a label is a box of its own. An edge that leads back goes up beside the nodes that it passes.

`across` runs along a layer, `along` from layer to layer; which of them is x, the picture says. All in the same unit.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from pyrolens.graph.model import Graph

APART, LINES_APART = 28.0, 14.0
"""Between two boxes of a layer, and between two lines."""
GAP, MOST_GAP, SLOPE = 20.0, 70.0, 0.16
"""Between two layers; more where edges go far across."""
EDGE_OF_BOX = 12.0
"""Of a box, where no edge ends."""
SWEEPS = 16
Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]
"""Of Bézier: from, two controls, to. Straight where all of them are on a line."""


@dataclass(frozen=True)
class Box:
    """Its middle, and how far it reaches in all."""

    across: float
    along: float
    wide: float
    deep: float

    def meets(self, other: "Box") -> bool:
        return (
            abs(self.across - other.across) * 2 < self.wide + other.wide
            and abs(self.along - other.along) * 2 < self.deep + other.deep
        )


@dataclass(frozen=True)
class Layout:
    nodes: Mapping[str, Box]
    labels: Mapping[int, Box]
    """By the number of the edge."""
    ways: Sequence[tuple[Curve, ...]]
    """Of each edge, from its source to its target."""
    wide: float
    deep: float
    """All is between 0 and these."""


@dataclass(eq=False)
class Spot:
    """A node, a label, or where a line passes a layer."""

    layer: int
    wide: float = 0.0
    deep: float = 0.0
    is_node: bool = False
    at: float = 0.0
    before: list["Spot"] = field(default_factory=list)
    """Its neighbours in the layer before."""
    behind: list["Spot"] = field(default_factory=list)


@dataclass
class Line:
    """An edge as spots. Of one that leads back: from its target to its source."""

    spots: list[Spot]
    back: bool
    label: Spot | None


def lay_out(
    graph: Graph, sizes: Mapping[str, tuple[float, float]], labels: Mapping[int, tuple[float, float]]
) -> Layout:
    """`sizes`: (wide, deep) of each node; of the labels of those edges that have one."""
    layers = layers_of(graph)
    spots = {n.id: Spot(2 * layers[n.id], *sizes[n.id], True) for n in graph.nodes}
    rows: dict[int, list[Spot]] = {}
    for node in graph.nodes:
        rows.setdefault(spots[node.id].layer, []).append(spots[node.id])
    lines = []
    for number, edge in enumerate(graph.edges):
        source, target = spots[edge.source], spots[edge.target]
        lines.append(_line(source, target, target.layer <= source.layer, labels.get(number), rows))
    table = [rows[n] for n in sorted(rows)]
    right: dict[int, float] = {}
    for part in _parts(table):
        _order(part)
        _place(part, [line.spots for line in lines if any(line.spots[:1] == [s] for row in part for s in row)])
        _beside(part, right)
    return _drawn(graph, spots, lines, table)


def _parts(rows: list[list[Spot]]) -> list[list[list[Spot]]]:
    """What hangs together, each as layers; in the order of the graph."""
    numbers: dict[int, int] = {}
    count = 0
    for spot in (s for row in rows for s in row):
        waiting = [spot]
        while waiting:
            one = waiting.pop()
            if id(one) not in numbers:
                numbers[id(one)] = count
                waiting += one.before + one.behind
        count += numbers[id(spot)] == count
    parts = [[[s for s in row if numbers[id(s)] == number] for row in rows] for number in range(count)]
    return [[row for row in part if row] for part in parts]


def _beside(part: list[list[Spot]], right: dict[int, float]) -> None:
    """To the right of what is there. `right`: where each layer ends so far; a single box needs room in its own."""
    spots = [s for row in part for s in row]
    ends = right.values() if len(spots) > 1 else [right.get(spots[0].layer, -APART)]
    shift = max(ends, default=-APART) + APART
    for spot in spots:
        spot.at += shift
        right[spot.layer] = max(right.get(spot.layer, 0.0), spot.at + spot.wide / 2)


def layers_of(graph: Graph) -> dict[str, int]:
    """Each node behind all that lead to it, what nothing leads to beside its neighbours, outputs in the last one."""
    order = {n.id: number for number, n in enumerate(graph.nodes)}
    leading: dict[str, list[str]] = {}
    for edge in graph.edges:
        if order[edge.source] < order[edge.target]:
            leading.setdefault(edge.target, []).append(edge.source)
    out: dict[str, int] = {}
    last = 0
    for node in graph.nodes:
        before = leading.get(node.id, [])
        beside = 0 if node.kind in ("container", "input") else max(last, 1)
        out[node.id] = max((out[b] + 1 for b in before), default=beside)
        if node.kind in ("filter", "stream_task"):
            out[node.id] = max(out[node.id], last)  # never above one that is met earlier
        if node.kind in ("filter", "stream_task"):
            last = max(last, out[node.id])
    ends = [n for n in graph.nodes if n.kind in ("output", "nowhere")]
    deepest = max((out[n.id] for n in graph.nodes), default=0)
    if any(n.kind not in ("output", "nowhere") and out[n.id] == deepest for n in graph.nodes) and ends:
        deepest += 1
    return out | {n.id: deepest for n in ends}


def _line(
    source: Spot, target: Spot, back: bool, label: tuple[float, float] | None, rows: dict[int, list[Spot]]
) -> Line:
    def spot(layer: int) -> Spot:
        made = Spot(layer)
        rows.setdefault(layer, []).append(made)
        return made

    if not back:
        between = [spot(layer) for layer in range(source.layer + 1, target.layer)]
        chain = [source, *between, target]
        named = between[0]
    else:
        # it leaves its source on the far side, turns, goes up beside it, turns again and enters as all others do
        before, behind = spot(target.layer - 1), spot(source.layer + 1)
        between = [spot(layer) for layer in range(target.layer, source.layer + 1)]
        _join(before, target)
        _join(source, behind)
        chain = [before, *between, behind]
        named = between[-2] if len(between) > 1 else between[0]
    for one, other in pairwise(chain):
        _join(one, other)
    if label is not None:
        named.wide, named.deep = label
    return Line(between, back, named if label is not None else None)


def _join(one: Spot, other: Spot) -> None:
    one.behind.append(other)
    other.before.append(one)


# -- the order within layers -------------------------------------------------------------------------------------------


def _order(rows: list[list[Spot]]) -> None:
    """Few crossings: each spot to the middle of its neighbours, again and again, and neighbours that are better off
    the other way round are swapped. The best order that is met stays."""
    best, order = _crossings(rows), [list(row) for row in rows]
    for sweep in range(SWEEPS):
        if not best:
            break
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            _by_middle(row, down, _numbers(rows))
        _swap(rows)
        found = _crossings(rows)
        if found < best:
            best, order = found, [list(row) for row in rows]
    for row, kept in zip(rows, order, strict=True):
        row[:] = kept


def _numbers(rows: list[list[Spot]]) -> dict[int, int]:
    return {id(spot): n for row in rows for n, spot in enumerate(row)}


def _by_middle(row: list[Spot], down: bool, numbers: dict[int, int]) -> None:
    def middle(spot: Spot) -> float:
        near = [numbers[id(s)] for s in (spot.before if down else spot.behind)]
        return sum(near) / len(near) if near else float(numbers[id(spot)])

    row.sort(key=middle)


def _swap(rows: list[list[Spot]]) -> None:
    for row in rows:
        numbers = _numbers(rows)
        changed = True
        turns = 0
        while changed and turns < len(row):
            changed = False
            turns += 1
            for n in range(len(row) - 1):
                one, other = row[n], row[n + 1]
                if _crossed(one, other, numbers) > _crossed(other, one, numbers):
                    row[n], row[n + 1] = other, one
                    changed = True


def _crossed(left: Spot, right: Spot, numbers: dict[int, int]) -> int:
    pairs = ((left.before, right.before), (left.behind, right.behind))
    return sum(numbers[id(a)] > numbers[id(b)] for mine, its in pairs for a in mine for b in its)


def _crossings(rows: list[list[Spot]]) -> int:
    numbers = _numbers(rows)
    total = 0
    for row in rows:
        ends: list[int] = []
        for spot in row:
            mine = sorted(numbers[id(s)] for s in spot.behind)
            total += sum(len(ends) - bisect_left(ends, end + 1) for end in mine)
            for end in mine:
                insort(ends, end)
    return total


# -- places within layers ----------------------------------------------------------------------------------------------


def _distance(one: Spot, other: Spot) -> float:
    apart = APART if one.wide and other.wide else LINES_APART
    return (one.wide + other.wide) / 2 + apart


def _place(rows: list[list[Spot]], lines: list[list[Spot]]) -> None:
    for row in rows:
        _spread(row, [0.0] * len(row), [1.0] * len(row))
    for sweep in range(2 * SWEEPS):
        both = sweep >= SWEEPS
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted, weights = [], []
            for spot in row:
                near = [*(spot.before if both or down else ()), *(spot.behind if both or not down else ())]
                pulls = [_weight(spot, other) for other in near]
                total = sum(pulls)
                mean = sum(o.at * p for o, p in zip(near, pulls, strict=True)) / total if total else spot.at
                wanted.append(mean)
                weights.append(total or 0.1)
            _spread(row, wanted, weights)
    beside = {id(s): (row[n - 1] if n else None, row[n + 1] if n + 1 < len(row) else None)
              for row in rows for n, s in enumerate(row)}  # fmt: skip
    for line in [*lines, *lines]:
        _straighten(line, beside)
    least = min((s.at - s.wide / 2 for row in rows for s in row), default=0.0)
    for row in rows:
        for spot in row:
            spot.at -= least


def _straighten(line: list[Spot], beside: Mapping[int, tuple[Spot | None, Spot | None]]) -> None:
    """Stretches of a line that have room for it become straight, each as long as can be."""
    run: list[Spot] = []
    low, high = -inf, inf
    for spot in [*line, None]:
        if spot is not None:
            left, right = beside[id(spot)]
            new_low = max(low, left.at + _distance(left, spot)) if left else low
            new_high = min(high, right.at - _distance(spot, right)) if right else high
            if new_low <= new_high:
                run.append(spot)
                low, high = new_low, new_high
                continue
        if run:
            ends = [s.at for s in run[0].before + run[-1].behind] if len(run) == len(line) else [s.at for s in run]
            middle = min(max(sum(ends) / len(ends), low), high)
            for one in run:
                one.at = middle
        if spot is not None:
            left, right = beside[id(spot)]
            run = [spot]
            low = left.at + _distance(left, spot) if left else -inf
            high = right.at - _distance(spot, right) if right else inf


def _weight(one: Spot, other: Spot) -> float:
    """Long lines are to be straight."""
    return (1.0, 3.0, 8.0)[2 - one.is_node - other.is_node]


def _spread(row: Sequence[Spot], wanted: Iterable[float], weights: Iterable[float]) -> None:
    """Each as near as can be to where it wants to be, so that all keep their order and their distances."""
    offset = 0.0
    offsets = []
    for n, spot in enumerate(row):
        offset += _distance(row[n - 1], spot) if n else 0.0
        offsets.append(offset)
    places = nearest_rising([w - o for w, o in zip(wanted, offsets, strict=True)], list(weights))
    for spot, place, off in zip(row, places, offsets, strict=True):
        spot.at = place + off


def nearest_rising(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The numbers that never fall and are nearest to those wanted (least squares)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights, strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, heavy, size = blocks.pop()
            total = heavy + block[1]
            block = ((mean * heavy + block[0] * block[1]) / total, total, size + block[2])
        blocks.append(block)
    return [mean for mean, _, size in blocks for _ in range(size)]


# -- boxes and curves --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Band:
    """What a layer takes of the picture."""

    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def _drawn(graph: Graph, spots: Mapping[str, Spot], lines: list[Line], rows: list[list[Spot]]) -> Layout:
    bands, gaps = _bands(rows)
    ends = _ends(graph, spots, lines)
    ways = []
    for number, (edge, line) in enumerate(zip(graph.edges, lines, strict=True)):
        source, target = spots[edge.source], spots[edge.target]
        out, into = ends[number]
        ways.append(_back(source, target, out, into, line, bands, gaps) if line.back else
                    _onward(source, target, out, into, line, bands))  # fmt: skip
    nodes = {id_: Box(s.at, bands[s.layer].middle, s.wide, s.deep) for id_, s in spots.items()}
    labels = {
        n: Box(line.label.at, bands[line.label.layer].middle, line.label.wide, line.label.deep)
        for n, line in enumerate(lines)
        if line.label
    }
    wide = max((s.at + s.wide / 2 for row in rows for s in row), default=0.0)
    deep = max((b.bottom for b in bands.values()), default=0.0)
    lowest = max((point[1] for way in ways for curve in way for point in curve), default=0.0)
    return Layout(nodes, labels, ways, wide, max(deep, lowest))


def _bands(rows: list[list[Spot]]) -> tuple[dict[int, Band], dict[int, float]]:
    """Of each layer, and the gap behind it."""
    bands: dict[int, Band] = {}
    gaps: dict[int, float] = {}
    top = 0.0
    for n, row in enumerate(rows):
        layer = row[0].layer
        deep = max(s.deep for s in row)
        bands[layer] = Band(top, top + deep)
        far = max((abs(s.at - o.at) for s in row for o in s.behind), default=0.0)
        gaps[layer] = min(max(GAP, far * SLOPE), MOST_GAP)
        top += deep + (gaps[layer] if n < len(rows) - 1 else 0)
    return bands, gaps


def _ends(graph: Graph, spots: Mapping[str, Spot], lines: list[Line]) -> list[tuple[float, float]]:
    """Of each edge: where it leaves its source, and where it enters its target."""
    out = [[0.0, 0.0] for _ in lines]
    leaving: dict[str, list[tuple[float, int]]] = {}
    entering: dict[str, list[tuple[float, int]]] = {}
    for n, (edge, line) in enumerate(zip(graph.edges, lines, strict=True)):
        first, last = (line.spots[-1], line.spots[0]) if line.back else (line.spots[0], line.spots[-1])
        leaving.setdefault(edge.source, []).append((first.at, n))
        entering.setdefault(edge.target, []).append((last.at, n))
    for side, ends in enumerate((leaving, entering)):
        for id_, wanted in ends.items():
            spot = spots[id_]
            wanted.sort()
            low, high = spot.at - spot.wide / 2 + EDGE_OF_BOX, spot.at + spot.wide / 2 - EDGE_OF_BOX
            if low > high:
                low = high = spot.at
            apart = min(LINES_APART, (high - low) / max(len(wanted) - 1, 1))
            rising = [min(max(at, low), high) - n * apart for n, (at, _) in enumerate(wanted)]
            shifted = nearest_rising(rising, [1.0] * len(rising))
            room = (len(wanted) - 1) * apart
            for n, ((_, number), at) in enumerate(zip(wanted, shifted, strict=True)):
                out[number][side] = min(max(at, low), high - room) + n * apart
    return [(a, b) for a, b in out]


def _onward(
    source: Spot, target: Spot, out: float, into: float, line: Line, bands: Mapping[int, Band]
) -> tuple[Curve, ...]:
    band = bands[source.layer]
    at = (out, band.middle + source.deep / 2)
    curves = [_straight(at, (out, band.bottom))]
    at = (out, band.bottom)
    for spot in line.spots:
        passed = bands[spot.layer]
        curves += [_bend(at, (spot.at, passed.top)), _straight((spot.at, passed.top), (spot.at, passed.bottom))]
        at = (spot.at, passed.bottom)
    band = bands[target.layer]
    curves += [_bend(at, (into, band.top)), _straight((into, band.top), (into, band.middle - target.deep / 2))]
    return tuple(c for c in curves if c[0] != c[3])


def _back(
    source: Spot,
    target: Spot,
    out: float,
    into: float,
    line: Line,
    bands: Mapping[int, Band],
    gaps: Mapping[int, float],
) -> tuple[Curve, ...]:
    band = bands[source.layer]
    first = line.spots[-1]
    curves = [_straight((out, band.middle + source.deep / 2), (out, band.bottom))]
    curves.append(_turn((out, band.bottom), (first.at, band.bottom), gaps[source.layer]))
    at = (first.at, band.bottom)
    for spot in reversed(line.spots):
        passed = bands[spot.layer]
        curves += [_bend(at, (spot.at, passed.bottom)), _straight((spot.at, passed.bottom), (spot.at, passed.top))]
        at = (spot.at, passed.top)
    band = bands[target.layer]
    curves.append(_turn(at, (into, band.top), -gaps[target.layer - 1]))
    curves.append(_straight((into, band.top), (into, band.middle - target.deep / 2)))
    return tuple(c for c in curves if c[0] != c[3])


def _straight(one: Point, other: Point) -> Curve:
    return one, one, other, other


def _bend(one: Point, other: Point) -> Curve:
    middle = (one[1] + other[1]) / 2
    return one, (one[0], middle), (other[0], middle), other


def _turn(one: Point, other: Point, gap: float) -> Curve:
    """Out of a band and into it again, within the gap beside it."""
    deep = gap * 1.2
    return one, (one[0], one[1] + deep), (other[0], other[1] + deep), other
