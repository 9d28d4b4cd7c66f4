"""DOT, read by another program's parser."""

import pydot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.graph.dot import dot
from pyrolens.graph.model import Graph
from pyrolens.graph.words import cut
from tests.graph import ROOT, graphs, of_file

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pydot")


def parse(text: str) -> pydot.Dot:
    found = pydot.graph_from_dot_data(text)
    assert found is not None
    (graph,) = found
    return graph


def nodes(graph: pydot.Dot) -> list[str]:
    return [n.get_name() for n in graph.get_nodes() if n.get_name() not in ("node", "edge", "graph")]


@settings(max_examples=15, deadline=None)
@given(graphs(), st.booleans())
def test_it_is_dot_whatever_the_names(graph: Graph, right: bool) -> None:
    parsed = parse(dot(graph, right))
    assert nodes(parsed) == [n.id for n in graph.nodes]
    assert sorted((e.get_source(), e.get_destination()) for e in parsed.get_edges()) == sorted(
        (e.source, e.target) for e in graph.edges
    )


def test_an_example() -> None:
    graph = of_file(ROOT / "examples/color-app/task-definition.json")
    parsed = parse(dot(graph))
    (modifier,) = parsed.get_node("n2")
    assert modifier.get("label").startswith('"filter 1\\nrecord_modifier.0\\nMatch *\\n')
    edge = next(e for e in parsed.get_edges() if e.get("style") == "bold")
    condition = cut(r"$log ~ (ERROR|\s[45]\d\d\s\d+\s)", 40).replace("\\", "\\\\")
    assert edge.get("label") == f'"error.*\\n{condition}"'
