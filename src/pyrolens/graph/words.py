"""Texts of nodes and edges, as all forms of the picture show them."""

import unicodedata

from pyrolens.graph.model import Edge, Graph, Node, Rate

LINES, WIDTH = 5, 46
"""Lines of a node besides its name, and characters of a line."""
FLOWS, FLOW_WIDTH = 4, 40
"""Tags on an edge, and characters of a line."""


def cut(text: str, most: int) -> str:
    """With … where it is too long, and without what cannot be shown."""
    # what is beyond is not looked at: it may be as long as somebody likes
    text = clean(text[: most + 1])
    if width(text) <= most:
        return text
    while width(text) > most - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def clean(text: str) -> str:
    """One line; what no document may hold is shown as �."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in "\t\n\r":
        return " "
    code = ord(char)
    if code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE:
        return "\N{REPLACEMENT CHARACTER}"
    # marks that turn the direction of what follows would turn the rest of the picture, too
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.bidirectional(char) in TURNING else char


TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def width(text: str) -> int:
    """In characters of a font of one width; those of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def node_lines(node: Node) -> list[str]:
    """What stands below its name."""
    lines = list(node.lines)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"… {len(lines) - LINES + 1} more"]
    return [cut(line, WIDTH) for line in lines]


def node_title(node: Node) -> str:
    """All that is known of it."""
    where = [str(node.place)] if node.place else []
    return "\n".join(map(clean, [f"{node.head}: {node.label}", *node.lines, *([node.why] if node.why else []), *where]))


def edge_lines(graph: Graph, edge: Edge) -> list[tuple[str, bool]]:
    """(text, whether it is a condition) of an edge's label."""
    flows = [(tags, conditions) for tags, conditions in edge.flows if tags]
    same = len({conditions for _, conditions in flows}) == 1
    out: list[tuple[str, bool]] = []
    for tags, conditions in flows[:FLOWS]:
        out.append((cut(tags, FLOW_WIDTH), False))
        if not same:
            out += [(cut(c, FLOW_WIDTH), True) for c in conditions]
    if len(flows) > FLOWS:
        out.append((f"… {len(flows) - FLOWS} more", False))
    if same and flows:
        shown = flows[0][1]
        out += [(cut(("or " if n else "") + c, FLOW_WIDTH), True) for n, c in enumerate(shown[:FLOWS])]
        if len(shown) > FLOWS:
            out.append((f"… {len(shown) - FLOWS} more", True))
    return out


def edge_title(graph: Graph, edge: Edge) -> str:
    words = {"flow": "goes on to", "emit": "enters again at", "copy": "is looked at by", "metrics": "metrics go to"}
    head = f"{graph.ids[edge.source].label} {words[edge.kind]} {graph.ids[edge.target].label}"
    told = [f"{t} if {' or '.join(c)}" if c else t for t, c in edge.flows if t]
    return "\n".join(map(clean, [head, *told]))


def rate_words(rate: Rate | None) -> tuple[str, str]:
    """(what goes well, what goes wrong) per second."""
    if rate is None:
        return "", ""
    good = [f"{number(rate.records)} records/s"] if rate.records is not None else []
    good += [f"{number(rate.bytes, 'B')}/s"] if rate.bytes else []
    bad = [
        f"{number(value)} {word}/s"
        for value, word in ((rate.dropped, "dropped"), (rate.errors, "errors"), (rate.retries, "retries"))
        if value
    ]
    return " · ".join(good), " · ".join(bad)


def number(value: float, unit: str = "") -> str:
    """Three digits: 0, 0.25, 12.5, 1.2 k."""
    size = 0
    while abs(value) >= 999.5 and size < 4:
        value /= 1000
        size += 1
    digits = 0 if value >= 99.95 or value == int(value) else 1 if value >= 9.95 else 2
    prefix = ["", "k", "M", "G", "T"][size]
    space = " " if prefix or unit else ""
    return f"{value:.{digits}f}{space}{prefix}{unit}"
