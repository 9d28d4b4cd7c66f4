"""Sets of tags, against all tags of a few letters."""

import re
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.check.tags import empty
from pyrolens.graph.tagset import Tags, Trial
from pyrolens.records.tags import glob

PATTERNS = st.text("ab*", max_size=4)
TAGS = ["".join(letters) for n in range(7) for letters in product("abc", repeat=n)]


@settings(max_examples=60, deadline=None)
@given(st.lists(PATTERNS, min_size=1, max_size=3), st.lists(PATTERNS, max_size=3))
def test_a_set_is_empty_where_no_tag_is_in_it(inside: list[str], outside: list[str]) -> None:
    found = [t for t in TAGS if all(glob(p)(t) for p in inside) and not any(glob(p)(t) for p in outside)]
    if empty(tuple(inside), tuple(outside)):
        assert found == []
    else:
        # the shortest witness has at most a letter for each of the patterns, and one between two
        assert found or sum(map(len, (*inside, *outside))) > 5


@settings(max_examples=50, deadline=None)
@given(PATTERNS, st.lists(PATTERNS, max_size=3))
def test_a_match_parts_a_set_in_two(first: str, matches: list[str]) -> None:
    """Nothing is in both, nothing gets lost, and each part is what the Match takes."""
    left: list[Tags] = [Tags((first,))]
    for match in matches:
        new = []
        for tags in left:
            part, rest = tags.by(match)
            for tag in TAGS:
                assert (part is not None and part.holds(tag)) == (tags.holds(tag) and glob(match)(tag))
                assert (rest is not None and rest.holds(tag)) == (tags.holds(tag) and not glob(match)(tag))
            new += [some for some in (part, rest) if some is not None]
        left = new


def test_what_goes_past_a_match_is_said() -> None:
    part, rest = Tags(("*",)).by("app.*")
    assert (str(part), str(rest)) == ("app.*", "* except app.*")
    assert rest is not None
    assert rest.by("app.web")[0] is None, "all of it went another way"
    assert str(rest.by("*.web")[0]) == "*.web except app.*"


def test_tags_that_are_made_do_not_look_like_those_of_containers() -> None:
    assert Tags(("error.*",), foreign=True).by("*-firelens-*")[0] is None
    assert Tags(("error.web-firelens-*",), foreign=True).by("*-firelens-*")[1] is None
    assert str(Tags(("*",)).by("*-firelens-*")[0]) == "*-firelens-*"


def test_a_pattern_that_nothing_can_be_proved_of_is_tried() -> None:
    test = Trial("/web.*/", lambda tag: re.match("web.", tag) is not None)
    assert Tags(("web-firelens-*",)).by_test(test) == (Tags(("web-firelens-*",)), None)
    assert Tags(("app-firelens-*",)).by_test(test) == (None, Tags(("app-firelens-*",)))
    part, rest = Tags(("*",)).by_test(test)
    assert (str(part), str(rest)) == ("/web.*/", "* except /web.*/")
    assert part is not None
    assert rest is not None
    assert part.by_test(test) == (part, None)
    assert rest.by_test(test) == (None, rest)
