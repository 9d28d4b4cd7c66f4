"""The picture of `pyrolens top`: a frame of metrics that a router gave, two seconds apart (docs/top)."""

import io
from pathlib import Path

from rich.console import Console

from pyrolens.tools._top_frame import frame
from pyrolens.tools._top_reading import read_text, uptime_of, view

WIDTH = 110
METRICS = Path(__file__).parent / "top"
REASONS = ("output opensearch: 3600 records wait to be sent",)
"""What its health check said."""


def pictures() -> dict[str, str]:
    """File in docs -> SVG. The same each time."""
    texts = [(METRICS / name).read_text() for name in ("before.txt", "now.txt")]
    before, now = (read_text(text, uptime_of(text), "ok", REASONS) for text in texts)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(frame(view("127.0.0.1:2020", before, now), width=WIDTH))
    return {"top.svg": console.export_svg(title="pyrolens top", unique_id="top")}
