"""Mermaid, by the part of its grammar for flowcharts that is used (flow.jison of Mermaid 11)."""

import re

import pyparsing as pp
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.graph.mermaid import mermaid, quoted
from pyrolens.graph.model import Graph
from pyrolens.graph.words import clean
from tests.graph import ROOT, graphs, of_file

# a string of Mermaid is not empty, ends at the first quote, and knows no backslash; `#` begins a number that ends at
# `;`; a backtick behind the quote would begin Markdown
STRING = pp.Regex(r'"(?!`)(?:[^"#<>&;`\n]|#\d+;|<br/>)+"')
ID = pp.Regex(r"n\d+")
SHAPES = [("([", "])"), ("[/", "/]"), ("[(", ")]"), ("{{", "}}"), ("[", "]")]
SHAPE = pp.MatchFirst([pp.Literal(begin) + STRING + pp.Literal(end) for begin, end in SHAPES])
NODE = pp.Group(ID("id") + SHAPE + pp.Optional(pp.Literal(":::") + pp.Word(pp.alphas)))("node")
ARROW = pp.MatchFirst([pp.Literal(a) for a in ("-->", "==>", "-.->")])
EDGE = pp.Group(ID("source") + ARROW("arrow") + pp.Optional("|" + STRING("label") + "|") + ID("target"))("edge")
TOLD = pp.Regex(r"acc(Title|Descr): [^\n#;{}]+")
CLASS = pp.Regex(r"classDef \w+ [\w-]+:[^\n;]+")
LINE = (TOLD | CLASS | NODE | EDGE) + pp.StringEnd()
HEAD = re.compile(r"flowchart (TD|LR)")


def parse(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Ids of nodes, and edges. Raises: ParseException."""
    first, *lines = text.rstrip("\n").split("\n")
    assert HEAD.fullmatch(first)
    nodes, edges = [], []
    for line in lines:
        found = LINE.parse_string(line)
        if "node" in found:
            nodes.append(found["node"]["id"])
        elif "edge" in found:
            edges.append((found["edge"]["source"], found["edge"]["target"]))
    return nodes, edges


@settings(max_examples=60, deadline=None)
@given(graphs(), st.booleans())
def test_it_is_mermaid_whatever_the_names(graph: Graph, right: bool) -> None:
    nodes, edges = parse(mermaid(graph, right))
    assert nodes == [n.id for n in graph.nodes]
    assert edges == [(e.source, e.target) for e in graph.edges]


@given(st.text(max_size=40))
def test_a_text_can_be_read_back(text: str) -> None:
    back = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), quoted([text])[1:-1])
    assert back == (clean(text) or " ")


def test_quotes_and_markup_are_written_by_their_numbers() -> None:
    assert quoted(['say "hi" <b>&amp;</b>', "end; #1 `x`"]) == (
        '"say #34;hi#34; #60;b#62;#38;amp#59;#60;/b#62;<br/>end#59; #35;1 #96;x#96;"'
    )


def test_an_example() -> None:
    text = mermaid(of_file(ROOT / "examples/color-app/task-definition.json"))
    assert text.startswith("flowchart TD\n  accDescr: The way of log records: 1 container, 4 filters, 2 outputs.\n")
    assert '  n1(["container<br/>color"])\n' in text
    assert '  n1 -->|"color-firelens-#42;"| n2\n' in text
    assert "  n4 ==>|" in text
