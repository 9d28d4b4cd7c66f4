"""Where things stand: nothing covers anything else, and edges end at their nodes."""

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.graph.layout import Box, Layout, lay_out, layers_of, nearest_rising
from pyrolens.graph.model import Edge, Graph, Node
from tests.graph import ROOT, graphs, of_file

SIZES = st.tuples(st.integers(20, 300), st.integers(14, 90))


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_nothing_covers_anything_else(graph: Graph, data: st.DataObject) -> None:
    sizes = {n.id: data.draw(SIZES) for n in graph.nodes}
    labels = {n: data.draw(SIZES) for n in range(len(graph.edges)) if data.draw(st.booleans())}
    layout = lay_out(graph, sizes, labels)
    boxes = [*layout.nodes.values(), *layout.labels.values()]
    assert set(layout.nodes) == set(sizes)
    assert set(layout.labels) == set(labels)
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))
    for box in boxes:
        assert box.across - box.wide / 2 >= -0.01
        assert box.across + box.wide / 2 <= layout.wide + 0.01
        assert box.along - box.deep / 2 >= -0.01
        assert box.along + box.deep / 2 <= layout.deep + 0.01
    for number, edge in enumerate(graph.edges):
        holds(layout, number, edge)


def holds(layout: Layout, number: int, edge: Edge) -> None:
    """It begins and ends at its nodes, is in one piece, goes through its label, and crosses no node."""
    way = layout.ways[number]
    assert on_its_rim(way[0][0], layout.nodes[edge.source])
    assert on_its_rim(way[-1][3], layout.nodes[edge.target])
    assert all(one[3] == other[0] for one, other in pairwise(way))
    points = [at(curve, t / 8) for curve in way for t in range(9)]
    if number in layout.labels:
        assert any(inside(point, layout.labels[number], 0.01) for point in points)
    for box in layout.nodes.values():
        assert not any(inside(point, box, -0.5) for point in points)


def at(curve: tuple[tuple[float, float], ...], t: float) -> tuple[float, float]:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    return sum(w * p[0] for w, p in zip(weights, curve, strict=True)), sum(
        w * p[1] for w, p in zip(weights, curve, strict=True)
    )


def inside(point: tuple[float, float], box: Box, more: float) -> bool:
    across, along = point
    return abs(across - box.across) <= box.wide / 2 + more and abs(along - box.along) <= box.deep / 2 + more


def on_its_rim(point: tuple[float, float], box: Box) -> bool:
    return inside(point, box, 0.01) and abs(abs(point[1] - box.along) - box.deep / 2) < 0.01


@given(st.lists(st.floats(-1e3, 1e3), max_size=12))
def test_numbers_that_rise_and_are_near(wanted: list[float]) -> None:
    found = nearest_rising(wanted, [1.0] * len(wanted))
    assert all(one <= other + 1e-9 for one, other in pairwise(found))
    assert found == wanted or sorted(wanted) != wanted
    assert abs(sum(found) - sum(wanted)) < 1e-6


def test_outputs_stand_in_the_last_layer_and_filters_in_their_order() -> None:
    graph = of_file(ROOT / "examples/color-app/task-definition.json")
    layers = {graph.ids[id_].label: layer for id_, layer in layers_of(graph).items()}
    assert layers == {
        "color": 0,
        "record_modifier.0": 1,
        "grep.0": 2,
        "rewrite_tag.0": 3,
        "record_modifier.1": 3,
        "cloudwatch_logs.0": 4,
        "kinesis_firehose.0": 4,
    }


def crossings(layout: Layout, graph: Graph) -> int:
    """Of pairs of edges, between the layers."""
    found = 0
    for (a, one), (b, other) in combinations(enumerate(graph.edges), 2):
        if {one.source, one.target} & {other.source, other.target}:
            continue
        mine, its = ([at(c, t / 16) for c in layout.ways[n] for t in range(17)] for n in (a, b))
        found += sum(cross(p, q, r, s) for p, q in pairwise(mine) for r, s in pairwise(its))
    return found


def cross(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float], s: tuple[float, float]) -> bool:
    def side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    return side(p, q, r) * side(p, q, s) < 0 and side(r, s, p) * side(r, s, q) < 0


def test_a_plane_graph_is_drawn_without_crossings() -> None:
    """Two chains whose nodes are mentioned crosswise."""
    nodes = tuple(Node(f"n{n}", "filter" if 2 <= n < 4 else "input" if n < 2 else "output", "", "") for n in range(6))
    made = tuple(Edge(f"n{a}", f"n{b}", "flow") for a, b in ((0, 3), (1, 2), (2, 4), (3, 5)))
    graph = Graph("", nodes, made)
    layout = lay_out(graph, {n.id: (100, 40) for n in nodes}, {})
    assert crossings(layout, graph) == 0


def test_the_examples_have_few_crossings() -> None:
    for path in sorted((ROOT / "examples").glob("*/task-definition.json")):
        graph = of_file(path)
        layout = lay_out(
            graph, {n.id: (240, 80) for n in graph.nodes}, dict.fromkeys(range(len(graph.edges)), (120, 20))
        )
        assert crossings(layout, graph) <= 2, path
