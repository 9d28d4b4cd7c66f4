from typing import Any

import pytest

from pyrolens.api import Line, Record
from pyrolens.filters.expect import Expect
from tests.filters.trial import misfits, records, shown
from tests.lent import Lent

R: Record = {"log": "x", "nul": None, "m": {"a": "b"}, "list": ["p"], "n": 5}


def expect(*lines: str, **options: Any) -> Expect:
    split = [line.split(" ", 1) for line in lines]
    return Expect(rules=[Line(kind, text) for kind, text in split], **options)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("key_exists log", True),
        ("key_exists nul", True),
        ("key_exists $m['a']", True),
        ("key_exists $list[0]", True),
        ("key_exists list", False),
        ("key_exists nope", False),
        ("key_not_exists nope", True),
        ("key_not_exists list", True),
        ("key_not_exists log", False),
        ("key_val_is_null nul", True),
        ("key_val_is_null log", False),
        ("key_val_is_null nope", False),
        ("key_val_is_not_null log", True),
        ("key_val_is_not_null m", True),
        ("key_val_is_not_null nul", False),
        ("key_val_is_not_null nope", False),
        ("key_val_eq log x", True),
        ("key_val_eq   log   x", True),
        ("key_val_eq log x y", False),
        ("key_val_eq log xx", False),
        ("key_val_eq n anything", True),
        ("key_val_eq nope x", False),
        ("key_val_eq log", False),
    ],
)
def test_rules(rule: str, expected: bool) -> None:
    assert records(expect(rule, action="result_key"), [R]) == [{"matched": expected, **R}]


def test_the_result_comes_first_and_the_record_wins() -> None:
    plugin = expect("key_exists log", "key_exists nope", action="result_key", result_key="ok")
    assert shown(records(plugin, [R, {"ok": "own"}])) == shown([{"ok": False, **R}, {"ok": "own"}])


def test_warn_lets_all_pass_and_says_what_was_wrong() -> None:
    env = Lent()
    assert records(expect("key_exists nope"), [R], env) == [R]
    assert "key_exists nope" in str(env.said.lines)


def test_exit_stops_the_router() -> None:
    class Leaving(Lent):
        status: int | None = None

        def exit(self, status: int = 0) -> None:
            self.status = status

    env = Leaving()
    plugin = expect("key_exists nope", action="exit")
    assert records(plugin, [R], env) == [R]
    assert env.status == 255


def test_check() -> None:
    assert misfits(expect("key_exists $m[")) == [
        ("key_exists", "'$m[' is no accessor: expected $key, $key['sub'] or $key[0]")
    ]
