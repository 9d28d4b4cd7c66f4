from typing import Any

import pytest

from pyrolens.records.template import Template

RECORD: dict[str, Any] = {
    "svc": "cart", "n": 5, "f": 2.5, "big": 2**63, "neg": -3, "b": True, "nul": None, "m": {"a": "é"}, "l": [1],
    "raw": b"\x01\xff",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app.$TAG", "app.web.eu"),
        ("$TAG[1]-$TAG[0]", "eu-web"),
        ("x.$TAG[2].y", "x..y"),
        ("x.$TAG[-1].y", "x..y"),
        ("$svc.$n.$f.$big.$neg.x", "cart.5.2.500000.-9223372036854775808.-3.x"),
        ("$b.$nul.$m.$l.$raw.x", 'true.null.{"a":"\\u00e9"}..01ff.x'),
        ("$nope.x", ".x"),
        ("$1.$2.$3", "one.."),
        ("$0", "all"),
        ("plain", "plain"),
    ],
)
def test_render(text: str, expected: str) -> None:
    assert Template(text).render("web.eu")(RECORD, ("all", "one", None)) == expected


def test_a_pattern_without_groups_has_no_whole_match_either() -> None:
    assert Template("x.$0").render("t")({}, ("all",)) == "x."


def test_constant() -> None:
    assert Template("a.$TAG[1].$TAG").constant("x.y") == "a.y.x.y"
    assert Template("a.$svc").constant("x.y") is None
    assert Template("a.$1").constant("x.y") is None
    assert Template("").constant("x.y") == ""


def test_strict() -> None:
    render = Template("a.$svc.$n.x").render("t", strict=True)
    assert render({"svc": "s", "n": 1}, ()) == "a.s.1.x"
    assert render({"svc": "s"}, ()) is None


@pytest.mark.parametrize("text", ["a.$svc:log", "a.$svc-$1", "a$.b", '$k["x"].y'])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no accessor"):
        Template(text)
