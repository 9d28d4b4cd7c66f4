"""Writes what comes from the code and from runs: docs/plugins, docs/compatibility.md, docs/fluentd-reference.md,
docs/check-rules.md, docs/test-format.md, the figures of docs/benchmarks.md, the pictures of docs/graph.md and
docs/top.md, and what commands print in all pages; with `picture`, docs/demo.svg.

usage: python docs/build.py [picture]
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs import charts, fluentd_reference, pictures, top_picture, transcripts, usage

from pyrolens.check.catalogue import RULES
from pyrolens.check.rule import page
from pyrolens.plugin import Plugin, PluginKind, find, names
from pyrolens.testing.format import reference as test_format
from pyrolens.tools import reference

DOCS = Path(__file__).parent
ROOT = DOCS.parent
CONFORMANCE = ROOT / "tests" / "conformance"
FIGURES = "<!-- from docs/benchmarks.json, which `make bench JSON=docs/benchmarks.json` writes -->"
GROWTH = {
    "other-filters": "{:,} filters for other tags",
    "filters": "{:,} filters that look",
    "outputs": "{:,} outputs",
    "tags": "{:,} tags on one connection",
    "connections": "{:,} containers, line by line",
    "fields": "{:,} fields",
    "size": "{:,} bytes of a field",
}
"""What a point of a curve of `make bench-growth` is called."""
KINDS: tuple[PluginKind, ...] = ("input", "parser", "filter", "output")


def pages() -> dict[Path, str]:
    """Each generated page and its text."""
    out = {DOCS / "plugins" / name: text for name, text in reference.pages()}
    written = {
        "compatibility.md": compatibility(),
        "benchmarks.md": benchmarks(),
        "fluentd-reference.md": fluentd_reference.page(),
        "check-rules.md": check_rules(),
        "test-format.md": test_format(),
        **pictures.pictures(),
        **measured_pictures(),
    }
    return {**out, **{DOCS / name: text for name, text in written.items()}}


def check_rules() -> str:
    """The page of each rule of `pyrolens check`, as --explain prints it."""
    index = [f"- [{rule.code}](#{rule.code.lower()}): {rule.title}" for rule in RULES.values()]
    parts = ["# The rules of pyrolens check\n", "<!-- written by docs/build.py -->\n", "\n".join(index) + "\n"]
    for rule in RULES.values():
        parts += [f'<a id="{rule.code.lower()}"></a>\n', "#" + page(rule)]
    return "\n".join(parts)


def benchmarks() -> str:
    """The page as it is, with the figures of docs/benchmarks.json."""
    before, begin, rest = (DOCS / "benchmarks.md").read_text().partition(FIGURES)
    _, end, after = rest.partition("<!-- end -->")
    measured = json.loads((DOCS / "benchmarks.json").read_text())
    floors = " and ".join(f"{us:.2f} us ({name})" for name, us in measured["floor_us"].items())
    several = f"{measured['runs']} runs of each, of which the one with the least CPU counts"
    runs = several if measured["runs"] > 1 else "one run of each"
    lines = [
        f"{measured['results'][0]['events']:,} events a run, {runs}; {measured['cpus']} cores, {measured['machine']}, "
        f"{measured['system']}, Python {measured['python']}. {'; '.join(measured['versions'].values())}. "
        f"Bare decode and encode: {floors}.",
        "",
        "| pipeline | output | storage | router | CPU us per event | of it start | times ours | RSS MiB | peak MiB "
        "| events/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    own: dict[tuple[str, ...], float] = {}
    for result in measured["results"]:
        run = (result["pipeline"], result["output"], result.get("storage", "memory"))
        start = result["start_s"] / result["events"] * 1e6
        ours = own.setdefault(run, result["cpu_us"])
        times = "" if ours == result["cpu_us"] else f"{result['cpu_us'] / ours:.1f}"
        rss = f"{result['rss_mib']:.0f}" if "rss_mib" in result else ""
        lines.append(
            f"| {' | '.join(run)} | {result['router']} | {result['cpu_us']:.2f} | {start:.2f} | {times} | {rss} "
            f"| {result['peak_mib']:.0f} | {result['events_per_s']:,.0f} |"
        )
    if measured.get("starts"):
        lines += ["", "| start of | CPU ms | ready after ms | RSS MiB |", "|---|---|---|---|"]
        lines += [
            f"| {one['router']} | {one['cpu_s'] * 1000:.0f} | {one['ready_s'] * 1000:.0f} | {one['rss_mib']:.0f} |"
            for one in measured["starts"]
        ]
    return before + begin + "\n\n" + "\n".join(lines) + "\n\n" + end + after


def measured_pictures() -> dict[str, str]:
    """The charts of docs/benchmarks.json and docs/growth.json."""
    out = {}
    runs: dict[str, dict[str, float]] = {}
    for result in json.loads((DOCS / "benchmarks.json").read_text())["results"]:
        storage = ", on disk" if result.get("storage", "memory") != "memory" else ""
        runs.setdefault(f"{result['pipeline']} to {result['output']}{storage}", {})[result["router"]] = result["cpu_us"]
    rows = [charts.Bars(name, found["pyrolens"], found.get("fluent-bit")) for name, found in runs.items()]
    out["benchmarks.svg"] = charts.chart("What an event costs", "microseconds of CPU", rows)
    grown: dict[str, dict[str, float]] = {}
    for point in json.loads((DOCS / "growth.json").read_text()):
        grown.setdefault(f"{GROWTH[point['curve']].format(point['at'])}", {})[point["router"]] = point["cpu_us"]
    rows = [charts.Bars(name, found["pyrolens"], found.get("fluent-bit")) for name, found in grown.items()]
    out["growth.svg"] = charts.chart("How that grows", "microseconds of CPU", rows)
    return out


def compatibility() -> str:
    known = tomllib.loads((CONFORMANCE / "known_differences.toml").read_text()).get("difference", [])
    cases = sum(len(json.loads(path.read_text())) for path in (CONFORMANCE / "cases").glob("*/*.json"))
    differing = sum(len(difference["cases"]) for difference in known)
    parts = [
        "# Compatibility",
        "<!-- written by docs/build.py -->",
        "What a configuration does is what Fluent Bit 5.1.1 does with it. "
        f"{cases:,} cases, recorded from that program, are run against Pyrolens with every change: "
        f"{cases - differing:,} pass, and the {differing:,} that do not are listed at the end of this page, each with "
        "its reason. A case on that list that passes fails the test, so the list is up to date.",
        "## Different on purpose",
        "Where Fluent Bit loses, doubles or leaks records, or lets pass what cannot work, ours is safer.",
        *per_plugin("differs"),
        "## Accepted without effect",
        "Options of Fluent Bit that mean nothing here. Each use is a warning that names it.",
        *per_plugin("ignored"),
        *usage.parts(),
        "## Cases in which we differ",
    ]
    for difference in known:
        parts += [f"**{difference['reason']}**", ", ".join(f"`{case}`" for case in sorted(difference["cases"]))]
    return "\n\n".join(parts) + "\n"


def per_plugin(what: str) -> Iterator[str]:
    for kind in KINDS:
        for name in names(kind):
            cls: type[Plugin] | None = find(kind, name)
            entries = getattr(cls, what)
            lines = [f"`{option}`: {why}" for option, why in entries.items()] if what == "ignored" else list(entries)
            if lines:
                yield f"{kind} **{name}**\n\n" + "\n".join(f"- {line}" for line in lines)


def picture(width: int = 172, head: int = 24, tail: int = 29) -> str:
    """The demo as a terminal shows it, as SVG; of a long run the beginning and the end."""
    from rich.console import Console
    from rich.text import Text

    command = [str(Path(sys.executable).parent / "pyrolens"), "up", "examples/color-app/task-definition.json", "--demo"]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(width), "TERM": "xterm-256color"}
    ran = subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    lines = ran.stdout.splitlines()
    if len(lines) > head + tail:
        lines[head:-tail] = ["", f"  … {len(lines) - head - tail} lines more …", ""]
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print("[bold green]$[/] make demo")
        console.print(Text.from_ansi("\n".join(lines)), soft_wrap=False)
        return console.export_svg(title="pyrolens up", unique_id="demo")


def main() -> None:
    if sys.argv[1:] == ["picture"]:
        (DOCS / "demo.svg").write_text(picture())
        return
    made = pages()
    for path in {*(DOCS / "plugins").glob("**/*.md")} - made.keys():
        path.unlink()
    # drawn by a library, of which another version may draw it otherwise
    made |= {DOCS / name: text for name, text in top_picture.pictures().items()}
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in [ROOT / "README.md", *DOCS.glob("**/*.md")]:
        if (text := transcripts.renewed(before := path.read_text())) != before:
            path.write_text(text)


if __name__ == "__main__":
    main()
