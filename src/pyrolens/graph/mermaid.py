"""The picture as a flowchart of Mermaid, for Markdown."""

from pyrolens.graph.model import Graph
from pyrolens.graph.words import clean, edge_lines, node_lines, rate_words

SHAPES = {"container": ("([", "])"), "input": ("[/", "/]"), "output": ("[(", ")]"), "stream_task": ("{{", "}}")}
ARROWS = {"flow": "-->", "emit": "==>", "copy": "-.->", "metrics": "-.->"}
LOST = "classDef lost stroke-dasharray:5 4,stroke:#a40e26"


def mermaid(graph: Graph, right: bool = False) -> str:
    out = [f"flowchart {'LR' if right else 'TD'}"]
    if graph.title:
        out.append(f"  accTitle: {_plain(graph.title)}")
    out.append(f"  accDescr: {_plain(graph.summary)}")
    for node in graph.nodes:
        begin, end = SHAPES.get(node.kind, ("[", "]"))
        head = [node.head] if node.kind == "nowhere" else [node.head, node.label]
        rates = [words for words in rate_words(node.rate) if words]
        lines = [*head, *node_lines(node), *([node.why] if node.why else []), *rates]
        lost = "" if node.reached else ":::lost"
        out.append(f"  {node.id}{begin}{quoted(lines)}{end}{lost}")
    for edge in graph.edges:
        lines = [text for text, _ in edge_lines(graph, edge)] + list(filter(None, rate_words(edge.rate)))
        label = f"|{quoted(lines)}|" if lines else ""
        out.append(f"  {edge.source} {ARROWS[edge.kind]}{label} {edge.target}")
    if any(not node.reached for node in graph.nodes):
        out.append(f"  {LOST}")
    return "\n".join([*out, ""])


def quoted(lines: list[str]) -> str:
    """A text of Mermaid, where none is empty. What is not a letter, a digit or harmless is written by its number."""
    return '"' + ("<br/>".join("".join(map(_char, clean(line))) for line in lines) or " ") + '"'


def _char(char: str) -> str:
    return char if char.isalnum() or char in " .,:/-_=+()$…·" else f"#{ord(char)};"


def _plain(text: str) -> str:
    """A title and a description know no numbers of characters, and end at a `;`, `#` or brace."""
    return "".join(c if c.isalnum() or c in " .,:/-_" else " " for c in clean(text)).strip() or "pipeline"
