"""Graphs for tests: of a text, and made up ones."""

import tempfile
from pathlib import Path
from typing import get_args

from hypothesis import strategies as st

from pyrolens.check.reading import Reader
from pyrolens.graph.build import build_graph
from pyrolens.graph.model import Edge, EdgeKind, Graph, Node, NodeKind, flow_text

ROOT = Path(__file__).parents[2]


def of_text(text: str, suffix: str = ".conf", *, everything: bool = False, sockets: bool = False) -> Graph:
    """Of a config."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"router{suffix}"
        file.write_text(text)
        return of_file(file, "config", everything=everything, sockets=sockets)


def of_file(path: Path, kind: str = "task", *, everything: bool = False, sockets: bool = False) -> Graph:
    reader = Reader()
    checked = reader.file(str(path), path.read_text(), kind)
    assert checked.context.config is not None, checked.problems
    return build_graph(checked.context, title="", everything=everything, sockets=sockets, place=lambda p: None)


def edges(graph: Graph) -> list[str]:
    """`color → grep.0 flow color-firelens-*`, a line for each edge and its flows."""
    return [
        f"{graph.ids[e.source].label} → {graph.ids[e.target].label} {e.kind} "
        + ", ".join(flow_text(tags, conditions) for tags, conditions in e.flows)
        for e in graph.edges
    ]


NAMES = st.text(max_size=60)
KINDS = st.sampled_from(get_args(NodeKind))
EDGES = st.sampled_from(get_args(EdgeKind))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any, also such as no config makes."""
    count = draw(st.integers(1, 9))
    nodes = tuple(
        Node(
            f"n{n}",
            draw(KINDS),
            draw(NAMES),
            draw(NAMES),
            tuple(draw(st.lists(NAMES, max_size=4))),
            None,
            draw(st.sampled_from(["", "no tag fits"])),
        )
        for n in range(count)
    )
    ends = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(ends, ends, EDGES), max_size=14, unique=True))
    flows = st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=2).map(tuple)), max_size=3).map(tuple)
    made = tuple(Edge(f"n{a}", f"n{b}", kind, draw(flows)) for a, b, kind in pairs if a != b)
    return Graph(draw(NAMES), nodes, made, tuple(draw(st.lists(NAMES, max_size=2))))
