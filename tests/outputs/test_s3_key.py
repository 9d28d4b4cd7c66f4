import re

import pytest

from pyrolens.outputs._s3_key import KeyFormat, path_of

SECOND = 1_718_000_000


@pytest.mark.parametrize(
    ("text", "delimiters", "tag", "key"),
    [
        ("/t/%Y/%m/%d/%H/%M/%S", ".", "a.b", "t/2024/06/10/06/13/20"),
        ("/$TAG[0]/$TAG[1]/$TAG", ".", "a.b", "a/b/a.b"),
        ("/$TAG[0]-$TAG[2]", ".-", "a.b-c.d", "a-c"),
        ("/$TAG[0]/$TAG[7]/$TAG[10]", ".", "a.b", "a/a.b[7]/a.b[10]"),
        ("/x", "", "a.b", "x"),
        ("/$TAG[1]", ".", "a..b", "b"),
        ("/$INDEX/$INDEX", ".", "a", "7/7"),
        ("/$TAG", ".", "50%Y", "502024"),
        ("/$TAG", ".", "caf\udce9", "caf\ufffd"),
        ("/" + "é" * 600, ".", "a", "é" * 512),
    ],
)
def test_keys(text: str, delimiters: str, tag: str, key: str) -> None:
    assert KeyFormat(text, delimiters, static=True).key(tag, SECOND, 7) == key


@pytest.mark.parametrize(
    ("text", "static", "parts", "pattern"),
    [
        ("/a", False, False, "a-object[0-9A-Za-z]{8}"),
        ("/a.gz", False, False, r"a\.gz-object[0-9A-Za-z]{8}"),
        ("/a/$UUID.gz", False, False, r"a/[0-9A-Za-z]{8}\.gz"),
        ("/a", True, False, "a"),
        ("/a/$INDEX", False, False, "a/0"),
        ("/a/%S", False, False, "a/20-object[0-9A-Za-z]{8}"),
        ("/a/%S", False, True, "a/20"),
        ("/a/%H", False, True, "a/06-object[0-9A-Za-z]{8}"),
    ],
)
def test_what_makes_a_key_unique(text: str, static: bool, parts: bool, pattern: str) -> None:
    key = KeyFormat(text, static=static).key("t", SECOND, parts=parts)
    assert re.fullmatch(pattern, key)


@pytest.mark.parametrize(
    ("text", "tag", "lacks"), [("/$TAG[1]", "a.b", False), ("/$TAG[2]", "a.b", True), ("/$TAG", "a", False)]
)
def test_formats_that_ask_for_more_than_a_tag_has(text: str, tag: str, lacks: bool) -> None:
    assert KeyFormat(text).lacks(tag) is lacks


def test_paths_are_escaped_where_they_must_be() -> None:
    assert path_of("b", "a=1/é ?#%+[x]&b") == "/b/a=1/%C3%A9%20%3F%23%25%2B%5Bx%5D&b"
