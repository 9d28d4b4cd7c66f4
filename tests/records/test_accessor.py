from typing import Any

import pytest

from pyrolens.records.accessor import MISSING, GroupOf, Key, Part, Tag, accessor, field_name, pair_accessor, read_parts

RECORD: dict[str, Any] = {
    "log": "x",
    "a": {"b": {"c": 1}, "it's": 2, "": 3, "x.y": 4, "0": 5},
    "list": ["p", {"q": ["r"]}],
    "none": None,
    "a.b": "dotted",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$log", "x"),
        ("log", "x"),
        ("$none", None),
        ("$nope", MISSING),
        ("$a['b']['c']", 1),
        ("$a['it''s']", 2),
        ("$a['']", 3),
        ("$a['x.y']", 4),
        ("$a['0']", 5),
        ("$a[0]", MISSING),
        ("$list[0]", "p"),
        ("$list[-1]['q'][0]", "r"),
        ("$list[2]", MISSING),
        ("$list['p']", MISSING),
        ("$log['x']", "x"),
        ("$log['x'][3]", "x"),
        ("$a['nope']['c']", MISSING),
        ("$a['b']['c']['d']", MISSING),
        ("$a.b", RECORD["a"]),
        ("a.b", "dotted"),
        ("$log:", "x"),
        ("$TAG", MISSING),
        ("$0", MISSING),
        ("$9x", MISSING),
        ("$", MISSING),
        ("", MISSING),
    ],
)
def test_values(text: str, expected: Any) -> None:
    assert accessor(text)(RECORD) == expected


@pytest.mark.parametrize(
    "text", ["$['a']", "$log['x", "$a[", "$a[b]", "$a['b'", "$.x", "$é", "$a:b", "$a$b", '$a["b"]', "$a[01]"]
)
def test_what_is_no_accessor(text: str) -> None:
    with pytest.raises(ValueError, match="is no accessor"):
        accessor(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$list[0]", MISSING),
        ("$list[1]['q']", ["r"]),
        ("$list[1]['q'][0]", MISSING),
        ("$log[0]", "x"),
        ("$log", "x"),
    ],
)
def test_elements_of_lists_are_no_pairs(text: str, expected: Any) -> None:
    assert pair_accessor(text)(RECORD) == expected


def test_field_name() -> None:
    assert [field_name(t) for t in ("$log", "log", "$a['b']", "$TAG")] == ["log", "log", None, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.$TAG.b", ["a.", Tag(), ".b"]),
        ("$TAG[1].$TAG[0]", [Tag(1), ".", Tag(0)]),
        ("$TAG$TAG[0]", [Tag(), "$TAG[0]"]),
        ("$TAG[1]$log", [Tag(1), "$log"]),
        ("p_$TAG_s", ["p_", Tag(), "_s"]),
        ("$10.x", [GroupOf(10), "0.x"]),
        ("$1$2", [GroupOf(1), GroupOf(2)]),
        ("$svc.", [Key("svc")]),
        ("$svc.x", [Key("svc"), ".x"]),
        ("$m['k'].", [Key("m", ("k",))]),
        ("$1.", [GroupOf(1), "."]),
        ("$a,$b", [Key("a"), ",", Key("b")]),
        ("$", []),
        ("a$", ["a", "$"]),
        ("t", ["t"]),
        ("", []),
        ("plain", ["plain"]),
        ("$tag", [Key("tag")]),
    ],
)
def test_parts(text: str, expected: list[Part]) -> None:
    assert read_parts(text) == expected
