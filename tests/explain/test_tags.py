from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.config import load
from pyrolens.explain.tags import taken_by_regex, takes
from pyrolens.records.tags import anchored_regex


@pytest.mark.parametrize(
    ("tags", "pattern", "expected"),
    [
        ("error.*", r"error\.", True),
        ("error.*", r"(error\.|[^.]+-firelens-).*", True),
        ("error.*", "err", True),
        ("error.*", "^error", True),
        ("error.*", "warn", False),
        ("error.*", "(warn|info)", False),
        # what comes behind the part that is known may keep it from matching
        ("error.*", r"error\.$", None),
        ("error.*", r"error\.(?!debug)", None),
        ("error.*", r"error\.web", None),
        # nothing at all is no match
        ("error.*", "x*", None),
        ("*", "error", None),
    ],
)
def test_a_regex_over_a_set_of_tags(tags: str, pattern: str, expected: bool | None) -> None:
    assert taken_by_regex(tags, pattern) is expected


PATTERNS = st.lists(
    st.sampled_from(["a", "b", ".", r"\.", "a?", "b*", "(a|b)", "[^a]", "(?!a)", "$", "^", "(?:ab)+", "x"]),
    min_size=1,
    max_size=4,
).map("".join)


@given(PATTERNS, st.text("ab.", max_size=3), st.lists(st.text("ab.", max_size=3), min_size=1, max_size=6))
def test_what_is_said_of_a_regex_holds_of_each_tag(pattern: str, begins: str, ends: list[str]) -> None:
    answer = taken_by_regex(f"{begins}*", pattern)
    fits = anchored_regex(pattern)
    for end in ends:
        if answer is not None:
            assert fits(begins + end) is answer


@pytest.mark.parametrize(
    ("match", "tags", "expected"),
    [
        ("Match app.*", "app.web", True),
        ("Match app.*", "web", False),
        ("Match app.*", "app.w*", True),
        ("Match app.web", "app.*", None),
        ("Match app.*", "b*", False),
        ("Match app.*\n    Match_Regex b.*", "b*", True),
        ("Match app.*\n    Match_Regex c.*", "b*", False),
    ],
)
def test_takes(tmp_path: Path, match: str, tags: str, expected: bool | None) -> None:
    conf = tmp_path / "a.conf"
    conf.write_text(
        f"[INPUT]\n    Name dummy\n[OUTPUT]\n    Name null\n    {match}\n[OUTPUT]\n    Name null\n    Match x\n"
    )
    assert takes(load(str(conf)).outputs[0], tags) is expected


def test_the_only_output_needs_no_match(tmp_path: Path) -> None:
    conf = tmp_path / "a.conf"
    conf.write_text("[INPUT]\n    Name dummy\n[OUTPUT]\n    Name null\n")
    assert takes(load(str(conf)).outputs[0], "any*") is True
