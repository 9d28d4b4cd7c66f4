"""The charts of docs/benchmarks.md: bars of two routers, as SVG, light and dark as the reader's screen is."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, LABEL, NUMBER = 740, 215, 110
"""Of the picture, and of the texts on both sides of a bar."""
BAR, GAP, TOP = 13, 12, 52

STYLE = """
text{font:12px ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif;fill:#24292f}
.title{font-weight:600;font-size:14px}.paper{fill:#fff}.ours{fill:#1a7f37}.theirs{fill:#afb8c1}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.ours{fill:#3fb950}.theirs{fill:#57606a}}
""".strip()


class Bars(NamedTuple):
    """One thing that was measured. The peer's is None where it was not run."""

    label: str
    ours: float
    theirs: float | None


def chart(title: str, unit: str, rows: Sequence[Bars]) -> str:
    """Short bars are good."""
    most = max(max(row.ours, row.theirs or 0) for row in rows)
    space = WIDTH - LABEL - NUMBER
    out: list[str] = []
    y = TOP
    for row in rows:
        out.append(f'<text x="{LABEL - 10}" y="{y + BAR + 3}" text-anchor="end">{escape(row.label)}</text>')
        for name, value in (("ours", row.ours), ("theirs", row.theirs)):
            if value is not None:
                length = max(value / most * space, 1)
                times = f"  {row.theirs / row.ours:.1f}x" if name == "theirs" and row.theirs and row.ours else ""
                out += [
                    f'<rect class="{name}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR - 1}" rx="2"/>',
                    f'<text x="{LABEL + length + 6:.1f}" y="{y + BAR - 3}">{value:.2f}{times}</text>',
                ]
            y += BAR
        y += GAP
    said = "; ".join(
        f"{row.label}: {row.ours:.2f}" + (f" against {row.theirs:.2f}" if row.theirs else "") for row in rows
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
            ' role="img">',
            f"<title>{escape(title)}</title><desc>{escape(f'{unit}. {said}')}</desc>",
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{y}"/>',
            f'<text class="title" x="{LABEL}" y="20">{escape(title)}</text>',
            f'<text x="{LABEL}" y="40">{escape(unit)}:</text>',
            f'<rect class="ours" x="{LABEL + 170}" y="30" width="12" height="12"/>',
            f'<text x="{LABEL + 187}" y="40">Pyrolens</text>',
            f'<rect class="theirs" x="{LABEL + 255}" y="30" width="12" height="12"/>',
            f'<text x="{LABEL + 272}" y="40">Fluent Bit</text>',
            *out,
            "</svg>",
            "",
        ]
    )
