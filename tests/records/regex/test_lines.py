"""Matching many lines at once finds what matching each line finds."""

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyrolens.records.regex import PatternError, compile_pattern
from pyrolens.records.regex.budget import STORE, WATCH, take_overruns
from pyrolens.records.regex.lines import PAUSE

ATOMS = st.sampled_from(
    ["a", "b", " ", ".", "[^ ]", "[^b]", r"\S", r"\s", r"\w", "[ab]", "(?i:B)", "[[:alpha:]]", "é", r"\n", "(?:ab|a|)"]
)
REPEATS = st.sampled_from(["", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}"])
PIECES = st.builds("{}{}".format, ATOMS, REPEATS)
GROUPS = st.builds(
    lambda pieces, how, repeat: ("(?<x>%s)" if how else "(?:%s)") % "".join(pieces) + repeat,
    st.lists(PIECES, max_size=3),
    st.booleans(),
    REPEATS,
)
PATTERNS = st.builds(
    lambda start, parts, end: start + "".join(parts) + end,
    st.sampled_from(["^", "^", ".*"]),
    st.lists(PIECES | GROUPS, min_size=1, max_size=4),
    st.sampled_from(["", "$", "(?: x(?<y>[^ ]*))?$"]),
)
LINES = st.lists(st.text(st.sampled_from("aab  Bx\té"), max_size=8), min_size=1, max_size=8)


@settings(max_examples=400, deadline=None)
@given(PATTERNS, LINES)
@example("^(?<x>[^b]*)(?<y>b?)$", ["a", "ab", "", "b"])
@example("^(?<x>[^ ]*?)(?: |$)", ["a b", "", "ab"])
@example(r"^(?<x>\s*)(?<y>a)", ["", " ", "a"])
@example("^(?:(?<x>a)|b)*", ["ab", "ba", "b"])
def test_it_finds_what_each_line_by_itself_gives(written: str, lines: list[str]) -> None:
    numbered = iter(range(100))
    text = re.sub(r"\?<\w>", lambda _: f"?<n{next(numbered)}>", written)
    try:
        pattern = compile_pattern(text)
    except PatternError:
        return
    find = pattern.each_line()
    found = find("".join(line + "\n" for line in lines).encode()) if find else None
    if found is None:
        return
    assert [row[:-1] for row in found] == [groups(pattern.find(line), pattern.groups) for line in lines]
    for line, row in zip(lines, found, strict=True):
        assert row[-1] == ("" if pattern.find(line) else line)


def groups(found: Any, number: int) -> tuple[str, ...]:
    return tuple(group or "" for group in found[1:]) if found else ("",) * number


def test_the_usual_patterns_can_be_matched_so() -> None:
    access = compile_pattern(r'^(?<host>[^ ]*) (?<user>\S+) "(?<agent>[^"]*)"(?: (?<more>.*))?$').each_line()
    assert access
    assert access(b'h u "a b" c\nh u "a\nx" "y"\n') is None, "the second match would take two lines"
    found = compile_pattern(r"^(?<host>\w+) (?<user>\S+)(?: (?<more>.*))?$").each_line()
    assert found
    assert found("h u c d\nno\n\nh ü\n".encode()) == [
        ("h", "u", "c d", ""), ("", "", "", "no"), ("", "", "", ""), ("h", "ü", "", "")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "pattern", ["(?<a>x)y", r"^(?<a>.)\k<a>", "^(?<a>.)(?=b)", "^(?<a>(?>a*))", "^(?<a>(a+)+)b", "(?m)^(?<a>.*)"]
)
def test_others_cannot(pattern: str) -> None:
    assert compile_pattern(pattern).each_line() is None


def test_what_is_slow_so_is_left_alone_for_a_while() -> None:
    WATCH.left = STORE
    find = compile_pattern('^(?<a>[^"]*)"$').each_line()
    assert find
    ahead = b"no quote at its end\n" * 10_000
    first = find(ahead)
    assert first is None or len(first) == 10_000
    assert [find(b'a"\n') for _ in range(PAUSE)] == [None] * PAUSE
    assert find(b'a"\n') == [("a", "")]
    assert WATCH.left > 0, WATCH.left
    assert take_overruns() == {}, "no record is lost by it"
