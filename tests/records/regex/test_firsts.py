import re

import pytest

from pyrolens.records.regex.emit import emit
from pyrolens.records.regex.syntax import Flags, parse


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("[^ ]* x", r"[^\x20]*+\x20x"),
        ("([^ ]*) x", r"([^\x20]*+)\x20x"),
        (r"(\d+)(?:[a-z]|-)?\.", r"(\d++)(?:(?:[a-z]|\-)|)\."),
        (r"\d+$", r"\d++$"),
        ("(?:a*b)*", "(?:a*+b)*"),
        ("a{2,3}b", "a{2,3}+b"),
    ],
)
def test_a_loop_that_never_gives_back_is_told_so(pattern: str, written: str) -> None:
    assert emit(parse(pattern, Flags()).node) == written


@pytest.mark.parametrize(
    "pattern",
    [
        r"\S+(?: x)?\"", "[^ ]*$", "a*", "(?:a*)*b*", "(?:ca*)+[ab]", "a*(?:b|a)", "a*?b", "[^a]*(?=b)", ".*x",
        "(?i)s*ß",
        r"a*\bb?", "(?:a*|b)(?:b*)",
    ],
)  # fmt: skip
def test_any_other_loop_keeps_its_way_back(pattern: str) -> None:
    assert not re.search(r"[*+?}]\+", emit(parse(pattern, Flags()).node))
