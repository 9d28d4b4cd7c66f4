"""Tag patterns: which of the tags each of them takes is recorded from Fluentd 1.19.3."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.config.fluentd.patterns import pattern_test

GOLDEN = json.loads((Path(__file__).parent / "golden" / "patterns.json").read_text())


@pytest.mark.parametrize("pattern", GOLDEN["taken"])
def test_as_fluentd(pattern: str) -> None:
    test = pattern_test(pattern)
    assert [tag for tag in GOLDEN["tags"] if test(tag)] == GOLDEN["taken"][pattern]


@pytest.mark.parametrize("pattern", ["", " ", "/a", "/(/", "{a", "{a, b}"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"expected|without its"):
        pattern_test(pattern)


@given(st.text("ab.*{},\\ /é(", max_size=12), st.text("ab.é", max_size=12))
def test_any_text_is_a_pattern_or_refused(pattern: str, tag: str) -> None:
    try:
        test = pattern_test(pattern)
    except ValueError:
        return
    assert test(tag) in (True, False)
