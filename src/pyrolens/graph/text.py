"""The picture in words, for a terminal."""

from pyrolens.graph.model import Edge, Graph
from pyrolens.graph.words import clean, rate_words

ARROWS = {"flow": "→", "emit": "↺", "copy": "⇢", "metrics": "⇢ metrics:"}


def text(graph: Graph) -> str:
    """Each node with what it does, and below it where records go on to."""
    leaving: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        leaving.setdefault(edge.source, []).append(edge)
    out = [clean(graph.title), ""] if graph.title else []
    for node in graph.nodes:
        if node.kind == "nowhere":
            continue
        good, bad = rate_words(node.rate)
        rates = "".join(f"  [{words}]" for words in (good, bad) if words)
        out.append(clean(f"{node.label}  ({node.head})") + rates)
        out += [clean(f"    {line}") for line in node.lines]
        if node.why:
            out.append(clean(f"    nothing comes here: {node.why}"))
        for edge in leaving.get(node.id, ()):
            target = graph.ids[edge.target]
            name = target.why if target.kind == "nowhere" else target.label
            good, _ = rate_words(edge.rate)
            for tags, conditions in edge.flows or (("", ()),):
                told = f": {tags}" if tags else ""
                told += f"  if {' or '.join(conditions)}" if conditions else ""
                out.append(clean(f"  {ARROWS[edge.kind]} {name}{told}") + (f"  [{good}]" if good else ""))
        out.append("")
    out += [clean(note) for note in graph.notes]
    return "\n".join(out).rstrip("\n") + "\n"
