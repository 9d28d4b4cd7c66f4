"""The pictures of docs/graph.md, as `pyrolens graph --format svg` draws them."""

from contextlib import chdir
from pathlib import Path

from pyrolens.check.reading import Reader
from pyrolens.graph.svg import svg
from pyrolens.tools.graph import graph_of, read

ROOT = Path(__file__).parents[1]
DRAWN = {
    "graph-color-app.svg": "examples/color-app/task-definition.json",
    "graph-shop-levels.svg": "examples/shop-levels/task-definition.json",
}
"""File in docs -> what it shows."""


def pictures() -> dict[str, str]:
    """Each file in docs and its text."""
    out = {}
    with chdir(ROOT):  # places are told from there
        for name, path in DRAWN.items():
            reader = Reader()
            out[name] = svg(graph_of(read(reader, path), reader))
    return out
