"""The picture in DOT, the language of Graphviz."""

from pyrolens.graph.model import Graph
from pyrolens.graph.words import clean, edge_lines, edge_title, node_lines, node_title, rate_words

SHAPES = {"container": "oval", "input": "oval", "output": "cylinder", "stream_task": "hexagon"}
STYLES = {"flow": "solid", "emit": "bold", "copy": "dotted", "metrics": "dashed"}


def dot(graph: Graph, right: bool = False) -> str:
    out = [
        "digraph pipeline {",
        f"  rankdir={'LR' if right else 'TB'};",
        f"  label={quoted([graph.title])};" if graph.title else "",
        "  labelloc=t;",
        '  node [shape=box, fontname="monospace", fontsize=11];',
        '  edge [fontname="monospace", fontsize=10];',
    ]
    for node in graph.nodes:
        head = [node.head] if node.kind == "nowhere" else [node.head, node.label]
        rates = [words for words in rate_words(node.rate) if words]
        lines = [*head, *node_lines(node), *([node.why] if node.why else []), *rates]
        look = f"shape={SHAPES.get(node.kind, 'box')}" + ("" if node.reached else ', style=dashed, color="#a40e26"')
        title = quoted(node_title(node).split("\n"))
        out.append(f"  {node.id} [label={quoted(lines)}, tooltip={title}, {look}];")
    for edge in graph.edges:
        lines = [text for text, _ in edge_lines(graph, edge)] + list(filter(None, rate_words(edge.rate)))
        title = quoted(edge_title(graph, edge).split("\n"))
        out.append(
            f"  {edge.source} -> {edge.target} [label={quoted(lines)}, tooltip={title}, style={STYLES[edge.kind]}];"
        )
    return "\n".join([*filter(None, out), "}", ""])


def quoted(lines: list[str]) -> str:
    escaped = (clean(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
