"""The picture: XML whatever the names are, readable, and without what a browser would fetch or run."""

import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.graph.model import Graph, Node, Rate
from pyrolens.graph.svg import svg
from pyrolens.graph.words import clean, cut, number, width
from tests.graph import ROOT, graphs, of_file

NS = "{http://www.w3.org/2000/svg}"


@settings(max_examples=50, deadline=None)
@given(graphs(), st.booleans())
def test_it_is_xml_with_all_nodes_and_edges_whatever_the_names(graph: Graph, right: bool) -> None:
    root = ElementTree.fromstring(svg(graph, right))
    assert root.tag == f"{NS}svg"
    groups = list(root.iter(f"{NS}g"))
    assert len([g for g in groups if g.get("data-from")]) == len(graph.edges)
    boxes = [r for r in root.iter(f"{NS}rect") if r.get("class") == "box"]
    assert len(boxes) == len(graph.nodes)
    assert {r.tag.removeprefix(NS) for r in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "g",
        "path",
        "text",
    }


@settings(max_examples=40, deadline=None)
@given(graphs(), st.booleans())
def test_texts_are_within_their_boxes_and_all_is_within_the_picture(graph: Graph, right: bool) -> None:
    root = ElementTree.fromstring(svg(graph, right))
    wide, high = float(root.get("width", "")), float(root.get("height", ""))
    for group in root.iter(f"{NS}g"):
        rect = group.find(f"{NS}rect")
        if rect is None:
            continue
        x, y, w, h = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= wide
        assert y + h <= high
        for text in group.iter(f"{NS}text"):
            size = 13 if text.get("class") == "name" else 10.8 if group.get("class") == "label" else 12
            if text.get("class") == "head":
                size = 10.8
            # 0.602 of its size is a character of the usual fonts of one width, the widest of them
            assert float(text.get("x", "")) + width(text.text or "") * 0.602 * size <= x + w + 0.1
            assert y < float(text.get("y", "")) < y + h


def test_title_and_description_are_there_for_who_does_not_see_it() -> None:
    graph = of_file(ROOT / "examples/color-app/task-definition.json")
    root = ElementTree.fromstring(svg(graph))
    ids = (root.get("aria-labelledby") or "").split()
    told = {e.get("id"): e.text for e in root if e.get("id") in ids}
    assert root.get("role") == "img"
    assert told == {"graph-title": "pipeline", "graph-desc": graph.summary}
    titles = [g.findtext(f"{NS}title") or "" for g in root.iter(f"{NS}g")]
    assert any(t.startswith("output: cloudwatch_logs.0\n") and "log group /ecs/color-app/errors" in t for t in titles)


def test_it_says_the_same_each_time() -> None:
    path = ROOT / "examples/shop-levels/task-definition.json"
    assert svg(of_file(path)) == svg(of_file(path))


def brightness(colour: str) -> float:
    parts = [
        int(c * 2, 16) if len(colour) == 3 else int(c, 16)
        for c in re.findall("." if len(colour) == 3 else "..", colour)
    ]
    linear = [(p / 255) / 12.92 if p <= 10 else ((p / 255 + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((brightness(one), brightness(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_texts_can_be_read_in_light_and_dark() -> None:
    style = re.search("<style>(.*)</style>", svg(Graph("", (), ())), re.DOTALL)
    assert style
    light, dark = style[1].split("@media (prefers-color-scheme:dark)")
    for part in (light, dark):
        paper = re.findall(r"\.paper\{fill:#(\w+)", part)[0]
        boxes = [paper, *re.findall(r"\.box\{fill:#(\w+)", part)]
        texts = re.findall(r"(?:text|\.head|\.why,\.g \.bad|\.rate|\.if)\{(?:font-size:[^;]*;)?fill:#(\w+)", part)
        assert len(texts) == 5
        assert len(boxes) == 5
        for colour in texts[:2]:
            assert all(contrast(colour, box) >= 4.5 for box in boxes), colour
        assert all(contrast(colour, paper) >= 4.5 for colour in texts)
        lines = re.findall(r"path\{[^}]*stroke:#(\w+)", part)
        assert all(contrast(colour, paper) >= 3 for colour in lines)


def test_rates_stand_in_their_nodes() -> None:
    node = Node("n1", "output", "http.0", "output", rate=Rate(1234.5, 2_000_000, 0.0, 0.5, 2.0))
    picture = svg(Graph("", (node,), ()))
    assert ">1.23 k records/s · 2 MB/s<" in picture
    assert ">0.50 errors/s · 2 retries/s<" in picture


def test_long_and_odd_texts() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("日本語の名前", 6) == "日本…"
    assert clean("a\nb\x00\ud800\u202ec") == "a b���c"
    assert [number(n) for n in (0, 0.254, 12.34, 999.4, 999.6, 123456)] == [
        "0",
        "0.25",
        "12.3",
        "999",
        "1.00 k",
        "123 k",
    ]
