import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.records.tags import anchored_regex, glob

TAGS = ["app", "app.web", "app.web.1", "sys.web", "APP.web", "webapp.web", "app-web", "app.{web,db}"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", TAGS),
        ("app.web", ["app.web"]),
        ("app.*", ["app.web", "app.web.1", "app.{web,db}"]),
        ("*.web", ["app.web", "sys.web", "APP.web", "webapp.web"]),
        ("app**1", ["app.web.1"]),
        ("a*w*b", ["app.web", "app-web"]),
        ("app.{web,db}", ["app.{web,db}"]),
        ("", []),
    ],
)
def test_glob(pattern: str, expected: list[str]) -> None:
    assert list(filter(glob(pattern), TAGS)) == expected


@pytest.mark.parametrize(
    ("pattern", "tag", "expected"),
    [
        ("web", "app.web", False),
        ("web", "webapp.web", True),
        ("app", "app.web", True),
        ("^app$", "app.web", False),
        (".*web$", "app.web", True),
        ("^(?!sys)", "app", False),
        ("^(?!sys).", "app", True),
        ("(?i)^APP", "app.web", True),
        ("/APP/i", "app.web", True),
        ("zzz|app", "app", True),
    ],
)
def test_anchored_regex(pattern: str, tag: str, expected: bool) -> None:
    assert anchored_regex(pattern)(tag) is expected


def test_a_pattern_that_does_not_compile() -> None:
    with pytest.raises(ValueError, match="without its"):
        anchored_regex("(t")


@settings(max_examples=300)
@given(st.text("ab*", max_size=8), st.text("abc\n", max_size=10))
def test_glob_is_what_a_pattern_of_any_runs_is(pattern: str, tag: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tag, re.DOTALL) is not None
    assert glob(pattern)(tag) is expected


def test_many_stars_do_not_take_long() -> None:
    started = time.process_time()
    assert not glob("a*" * 20 + "b")("a" * 5000)
    assert time.process_time() - started < 5  # trying all ways: for ever
