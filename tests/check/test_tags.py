"""Sets of tags, against all tags of a few letters."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from pyrolens.check.tags import new_tags, overlap, within
from pyrolens.records.tags import glob

PATTERNS = st.text("ab*", max_size=5)
TAGS = ["".join(letters) for n in range(8) for letters in product("ab", repeat=n)]


@given(PATTERNS, PATTERNS)
def test_two_patterns_overlap_where_a_tag_fits_both(one: str, other: str) -> None:
    assert overlap(one, other) == any(glob(one)(tag) and glob(other)(tag) for tag in [*TAGS, *merged(one, other)])


def merged(one: str, other: str) -> list[str]:
    """Tags too long for TAGS."""
    return ["".join(p).replace("*", "") for p in ((one, other), (other, one))]


@given(PATTERNS, PATTERNS)
def test_a_pattern_lies_within_another_where_all_its_tags_do(inner: str, outer: str) -> None:
    tags = [tag for n in range(6) for tag in map("".join, product("abc", repeat=n)) if glob(inner)(tag)]
    if within(inner, outer):
        assert all(map(glob(outer), tags))
    else:
        fresh = inner.replace("*", "c" * 6)
        assert not all(map(glob(outer), [*tags, fresh]))


def test_the_tags_that_a_template_makes() -> None:
    assert new_tags("errors", "app-*") == "errors"
    assert new_tags("errors.$TAG", "app-*") == "errors.app-*"
    assert new_tags("$level.$1", "app") == "*.*"
    assert new_tags("$TAG[1].x", "app.b") == "*.x"
