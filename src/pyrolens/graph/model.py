"""What is drawn: nodes, and edges between them."""

from dataclasses import dataclass, field, replace
from typing import Literal

from pyrolens.problems import Place

NodeKind = Literal["container", "input", "processor", "filter", "stream_task", "output", "nowhere"]
"""nowhere: records that no output takes."""
EdgeKind = Literal["flow", "emit", "copy", "metrics"]
"""flow: records go on. emit: they enter again under another tag. copy: a stream task looks at them, and they go their
own way, too. metrics: numbers that a plugin counts."""

ELSEWHERE = "input elsewhere"
"""Head of the node that stands for the inputs of a config that has none."""


@dataclass(frozen=True)
class Rate:
    """What a running router does, per second; None: its API does not tell."""

    records: float | None = None
    bytes: float | None = None
    dropped: float | None = None
    """Of filters: records that they take out. Of outputs: those that are given up or refused."""
    errors: float | None = None
    """Chunks given up or refused."""
    retries: float | None = None


@dataclass(frozen=True)
class Node:
    id: str
    kind: NodeKind
    label: str
    """As in logs and metrics; of a container its name."""
    head: str
    """What it is, such as `filter 2 · grep`."""
    lines: tuple[str, ...] = ()
    """What it does or where it leads, for people; one short line each."""
    place: Place | None = None
    why: str = ""
    """Why nothing reaches it; "": something does."""
    rate: Rate | None = None

    @property
    def reached(self) -> bool:
        return not self.why


@dataclass(frozen=True)
class Edge:
    source: str
    target: str
    kind: EdgeKind
    flows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Tags as a pattern, and the conditions under which records go this way; () without one."""
    rate: Rate | None = None


@dataclass(frozen=True)
class Graph:
    title: str
    nodes: tuple[Node, ...]
    """In the order of the config: what records come from, processors, filters, stream tasks, outputs."""
    edges: tuple[Edge, ...]
    notes: tuple[str, ...] = ()
    """What is not drawn, and what could not be found out."""
    ids: dict[str, Node] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", {node.id: node for node in self.nodes})

    def with_rates(self, nodes: dict[str, Rate], edges: dict[tuple[str, str, str], Rate]) -> "Graph":
        """By ids of nodes, and by source, target and kind of edges."""
        return replace(
            self,
            nodes=tuple(replace(n, rate=nodes.get(n.id)) for n in self.nodes),
            edges=tuple(replace(e, rate=edges.get((e.source, e.target, e.kind))) for e in self.edges),
        )

    @property
    def summary(self) -> str:
        """One sentence for those who do not see it."""
        counted = []
        for kind, word in (
            ("container", "container"), ("input", "input"), ("filter", "filter"), ("stream_task", "stream task"),
            ("output", "output"),
        ):  # fmt: skip
            n = sum(node.kind == kind for node in self.nodes)
            if n:
                counted.append(f"{n} {word}{'s' if n > 1 else ''}")
        lost = [node.label for node in self.nodes if not node.reached and node.kind != "nowhere"]
        text = f"The way of log records: {', '.join(counted) or 'nothing'}."
        return text + (f" Nothing reaches {', '.join(lost)}." if lost else "")


def flow_text(tags: str, conditions: tuple[str, ...]) -> str:
    """`errors: $level ~ ^error$`"""
    return f"{tags}: {' or '.join(conditions)}" if conditions else tags
