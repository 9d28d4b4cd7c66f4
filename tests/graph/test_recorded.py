"""Graphs against what Fluent Bit did: each tag that arrived in a recorded case is on an edge to an output, or is the
one that an output gives, to which an edge leads."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pyrolens.check.reading import Reader
from pyrolens.graph.build import build_graph
from pyrolens.graph.model import Graph
from pyrolens.graph.svg import svg
from pyrolens.records.tags import glob

CASES = Path(__file__).parents[1] / "conformance" / "cases"
FAMILIES = ("config/yaml_routes", "filters/match", "filters/multiline", "filters/pipeline", "filters/rewrite_tag")


def cases() -> list[Any]:
    """But for those in which we differ."""
    known = tomllib.loads((CASES.parent / "known_differences.toml").read_text())["difference"]
    other = {case for difference in known for case in difference["cases"]}
    read = [case for family in FAMILIES for case in json.loads((CASES / f"{family}.json").read_text())]
    return [c for c in read if c.get("starts_ok") and c.get("expected") and c["id"] not in other]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_a_tag_that_arrived_is_on_an_edge(case: Any, tmp_path: Path) -> None:
    for name, text in case["files"].items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        for mark, value in {
            "@PORT@": "24224",
            "@PORT2@": "24225",
            "@SOCK@": "/in.sock",
            "@DIR@": str(tmp_path),
        }.items():
            text = text.replace(mark, value)
        file.write_text(text)
    main = tmp_path / case["main"]
    checked = Reader().file(str(main), main.read_text(), "config")
    assert checked.context.config is not None, checked.problems
    graph = build_graph(checked.context)
    reached = {n.label for n in graph.nodes if n.kind == "output" and n.reached}
    given = [getattr(o.plugin, "tag", None) for o in checked.context.config.outputs if o.label in reached]
    shown = [*tags_at_outputs(graph), *filter(None, given)]
    missing = {event["tag"] for event in case["expected"] if not any(fits(tags, event["tag"]) for tags in shown)}
    assert missing == set(), shown


def tags_at_outputs(graph: Graph) -> list[str]:
    ends = {n.id for n in graph.nodes if n.kind == "output"}
    ends |= {e.source for e in graph.edges if e.target in ends and graph.ids[e.source].kind == "processor"}
    return [tags for edge in graph.edges if edge.target in ends for tags, _ in edge.flows]


def fits(shown: str, tag: str) -> bool:
    pattern, _, left_out = shown.partition(" except ")
    return all(glob(p)(tag) for p in pattern.split(" & ")) and not any(glob(p)(tag) for p in left_out.split(", ") if p)


BLOCK = re.compile(r"^```(ini|apache|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted((CASES.parents[2] / "docs").glob("**/*.md"))


def test_each_config_in_the_documents_is_drawn(tmp_path: Path) -> None:
    drawn = 0
    for language, text in (found for page in PAGES for found in BLOCK.findall(page.read_text())):
        file = tmp_path / ("router.yaml" if language == "yaml" else "router.conf")
        file.write_text(text)
        checked = Reader().file(str(file), text, "config")
        if checked.context.config is not None:
            graph = build_graph(checked.context)
            ElementTree.fromstring(svg(graph))
            assert len(graph.nodes) >= len(checked.context.config.outputs)
            drawn += 1
    assert drawn >= 20, "the blocks are found"
