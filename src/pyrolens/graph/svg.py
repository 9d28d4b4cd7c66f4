"""The picture as SVG: no script, no font of its own, nothing fetched; light and dark as the reader's screen is."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from pyrolens.graph.layout import Box, Curve, Layout, lay_out
from pyrolens.graph.model import Edge, Graph, Node
from pyrolens.graph.words import clean, cut, edge_lines, edge_title, node_lines, node_title, rate_words, width

CHAR = 7.4
"""A character of 12 px in the widest of the usual fonts of one width."""
LINE, HEAD, NAME = 16.0, 14.0, 18.0
"""Heights of lines."""
SMALL = 0.9
"""Size of labels and heads, to that of lines."""
PAD = 10.0
MARGIN = 24.0
TIP = 8.0
"""Length of an arrow's head."""

STYLE = """
.g{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;font-size:12px}
.g .paper{fill:#fff}
.g text{fill:#24292f}
.g .head{font-size:10.8px;fill:#57606a}
.g .name{font-size:13px;font-weight:600}
.g .why,.g .bad{fill:#a40e26}
.g .rate{fill:#116329}
.g .box{fill:#f6f8fa;stroke:#57606a;stroke-width:1.2}
.g .container .box,.g .input .box{fill:#ddf4ff;stroke:#0969da}
.g .output .box{fill:#dafbe1;stroke:#1a7f37}
.g .stream_task .box{fill:#fff8c5;stroke:#9a6700}
.g .lost .box{fill:none;stroke:#a40e26;stroke-dasharray:5 4}
.g .label{font-size:10.8px}
.g .label rect{fill:#fff;stroke:#d0d7de}
.g .label .if{fill:#6639ba;font-style:italic}
.g path{fill:none;stroke:#57606a;stroke-width:1.4}
.g .emit path{stroke:#8250df}
.g .copy path{stroke:#9a6700;stroke-dasharray:2 3}
.g .metrics path{stroke:#1b7c83;stroke-dasharray:6 3}
.g .dead path{stroke:#a40e26;stroke-dasharray:5 4}
.g .tip{fill:#57606a;stroke:none}
.g .emit .tip{fill:#8250df;stroke:none}
.g .copy .tip{fill:#9a6700;stroke:none}
.g .metrics .tip{fill:#1b7c83;stroke:none}
.g .dead .tip{fill:#a40e26;stroke:none}
@media (prefers-color-scheme:dark){
.g .paper{fill:#0d1117}
.g text{fill:#e6edf3}
.g .head{fill:#b7bfc7}
.g .why,.g .bad{fill:#ff7b72}
.g .rate{fill:#56d364}
.g .box{fill:#161b22;stroke:#8b949e}
.g .container .box,.g .input .box{fill:#0c2d6b;stroke:#58a6ff}
.g .output .box{fill:#033a16;stroke:#3fb950}
.g .stream_task .box{fill:#341a00;stroke:#d29922}
.g .lost .box{fill:none;stroke:#ff7b72}
.g .label rect{fill:#0d1117;stroke:#30363d}
.g .label .if{fill:#d2a8ff}
.g path{stroke:#8b949e}
.g .emit path{stroke:#bc8cff}
.g .copy path{stroke:#d29922}
.g .metrics path{stroke:#39c5cf}
.g .dead path{stroke:#ff7b72}
.g .tip{fill:#8b949e}
.g .emit .tip{fill:#bc8cff}
.g .copy .tip{fill:#d29922}
.g .metrics .tip{fill:#39c5cf}
.g .dead .tip{fill:#ff7b72}
}
""".strip()


@dataclass(frozen=True)
class Text:
    """A line of a box."""

    text: str
    style: str = ""
    high: float = LINE
    scale: float = 1.0

    @property
    def wide(self) -> float:
        return width(self.text) * CHAR * self.scale


def svg(graph: Graph, right: bool = False) -> str:
    """`right`: it runs from left to right, and else downward. Ends with a line feed."""
    nodes = {node.id: node_texts(node) for node in graph.nodes}
    labels = {n: texts for n, edge in enumerate(graph.edges) if (texts := label_texts(graph, edge))}
    sizes = {id_: size(texts, right, PAD) for id_, texts in nodes.items()}
    layout = lay_out(graph, sizes, {n: size(texts, right, 5.0) for n, texts in labels.items()})
    wide, high = (layout.deep, layout.wide) if right else (layout.wide, layout.deep)
    title = Text(clean(graph.title), "name", NAME)
    notes = [Text(cut(note, 110), "head", HEAD, SMALL) for note in graph.notes]
    wide = max(wide, title.wide * 1.1, *(note.wide for note in notes), 40.0) + 2 * MARGIN
    top = MARGIN + (NAME + 10 if graph.title else 0)
    high = high + top + MARGIN + len(notes) * HEAD
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="g" role="img" aria-labelledby="graph-title graph-desc"'
        f' width="{_n(wide)}" height="{_n(high)}" viewBox="0 0 {_n(wide)} {_n(high)}">',
        f'<title id="graph-title">{escape(clean(graph.title or "pipeline"))}</title>',
        f'<desc id="graph-desc">{escape(clean(graph.summary))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{_n(wide)}" height="{_n(high)}"/>',
    ]
    if graph.title:
        parts.append(_text(title, MARGIN, MARGIN + 12, "start"))
    draw = Drawing(graph, layout, right, top)
    for number, edge in enumerate(graph.edges):
        parts += draw.edge(number, edge)
    for number, texts in labels.items():
        parts += draw.label(number, texts)
    for node in graph.nodes:
        parts += draw.node(node, nodes[node.id])
    for n, note in enumerate(notes):
        parts.append(_text(note, MARGIN, high - MARGIN / 2 - (len(notes) - 1 - n) * HEAD, "start"))
    return "\n".join([*parts, "</svg>", ""])


def node_texts(node: Node) -> list[Text]:
    good, bad = rate_words(node.rate)
    out = [Text(cut(node.head, 50), "head", HEAD, SMALL)]
    if node.kind != "nowhere":
        out.append(Text(cut(node.label, 44), "name", NAME, 1.1))
    out += [Text(line) for line in node_lines(node)]
    out += [Text(cut(node.why, 60), "why")] if node.why else []
    out += [Text(good, "rate")] if good else []
    return out + ([Text(bad, "bad")] if bad else [])


def label_texts(graph: Graph, edge: Edge) -> list[Text]:
    out = [Text(text, "if" if condition else "", HEAD, SMALL) for text, condition in edge_lines(graph, edge)]
    good, _ = rate_words(edge.rate)
    return out + ([Text(good, "rate", HEAD, SMALL)] if good else [])


def size(texts: list[Text], right: bool, pad: float) -> tuple[float, float]:
    """(across, along)"""
    wide, high = max(t.wide for t in texts) + 2 * pad, sum(t.high for t in texts) + pad
    return (high, wide) if right else (wide, high)


@dataclass(frozen=True)
class Drawing:
    graph: Graph
    layout: Layout
    right: bool
    top: float

    def at(self, across: float, along: float) -> tuple[float, float]:
        x, y = (along, across) if self.right else (across, along)
        return x + MARGIN, y + self.top

    def corner(self, box: Box) -> tuple[float, float, float, float]:
        """x, y, width, height"""
        x, y = self.at(box.across - box.wide / 2, box.along - box.deep / 2)
        return (x, y, box.deep, box.wide) if self.right else (x, y, box.wide, box.deep)

    def node(self, node: Node, texts: list[Text]) -> Iterator[str]:
        x, y, wide, high = self.corner(self.layout.nodes[node.id])
        yield f'<g class="{node.kind}{"" if node.reached else " lost"}">'
        yield f"<title>{escape(node_title(node))}</title>"
        yield f'<rect class="box" x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}" rx="6"/>'
        yield from self.lines(texts, x + PAD, y + PAD / 2)
        yield "</g>"

    def label(self, number: int, texts: list[Text]) -> Iterator[str]:
        x, y, wide, high = self.corner(self.layout.labels[number])
        yield '<g class="label">'
        yield f"<title>{escape(edge_title(self.graph, self.graph.edges[number]))}</title>"
        yield f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}" rx="4"/>'
        yield from self.lines(texts, x + 5, y + 2.5)
        yield "</g>"

    def lines(self, texts: list[Text], x: float, y: float) -> Iterator[str]:
        for text in texts:
            yield _text(text, x, y + text.high * 0.75, "start")
            y += text.high

    def edge(self, number: int, edge: Edge) -> Iterator[str]:
        kind = edge.kind if self.graph.ids[edge.target].reached else "dead"
        yield f'<g class="{kind}" data-from="{edge.source}" data-to="{edge.target}">'
        yield f"<title>{escape(edge_title(self.graph, edge))}</title>"
        way = self.layout.ways[number]
        yield f'<path d="{self.path(way)}"/>'
        (a, b), (across, along) = way[-1][2], way[-1][3]
        del a
        before = along - TIP if b <= along else along + TIP
        tip = [self.at(across, along), self.at(across - TIP / 2, before), self.at(across + TIP / 2, before)]
        yield f'<path class="tip" d="M{"L".join(f"{_n(x)} {_n(y)}" for x, y in tip)}Z"/>'
        yield "</g>"

    def path(self, way: tuple[Curve, ...]) -> str:
        out = "M{} {}".format(*map(_n, self.at(*way[0][0])))
        for one, control, other, end in way:
            points = [self.at(*p) for p in (control, other, end)]
            if control == one and other == end:
                out += "L{} {}".format(*map(_n, points[2]))
            else:
                out += "C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in points)
        return out


def _text(text: Text, x: float, y: float, anchor: str) -> str:
    style = f' class="{text.style}"' if text.style else ""
    return f'<text{style} x="{_n(x)}" y="{_n(y)}" xml:space="preserve">{escape(text.text)}</text>'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
