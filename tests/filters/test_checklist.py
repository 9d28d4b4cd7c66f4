import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.api import Record
from pyrolens.filters.checklist import LONGEST, Checklist, Field, doubt_file, doubt_mode, partial, read_list
from tests.filters.trial import records, shown
from tests.lent import Lent

LIST = b"# comment\nERROR x\nab%\n_z\r\n\nbad Agent\n  lead\n\xc3\x89a"
VALUES = ["ERROR x", "ERROR xy", "ab", "abc", "qz", "zz!", "BAD agent", "lead", "  lead", "Éa", "éa", "", 5, None]


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "list").write_bytes(LIST)
    return str(tmp_path / "list")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"ERROR x", "  lead", "Éa"}),
        ({"mode": "partial"}, {"ERROR x", "ERROR xy", "ab", "abc", "qz", "zz!", "  lead", "Éa"}),
        ({"ignore_case": True}, {"ERROR x", "BAD agent", "  lead", "Éa"}),
        (
            {"ignore_case": True, "mode": "partial"},
            {"ERROR x", "ERROR xy", "ab", "abc", "qz", "zz!", "BAD agent", "  lead", "Éa"},
        ),
    ],
)
def test_what_is_found(path: str, options: dict[str, Any], expected: set[str]) -> None:
    plugin = Checklist(file=path, lookup_key="v", record=[Field("hit", True)], **options)
    found = records(plugin, [{"v": value} for value in VALUES])
    assert [record["v"] for record in found if "hit" in record] == [v for v in VALUES if v in expected]


def test_partial_without_placeholders(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("one\ntwo\n")
    plugin = Checklist(file=str(tmp_path / "list"), mode="partial", record=[Field("hit", None)])
    assert records(plugin, [{"log": "twofold"}, {"log": "three"}]) == [
        {"log": "twofold", "hit": None},
        {"log": "three"},
    ]


def test_fields_replace_others_and_come_last(path: str) -> None:
    plugin = Checklist(file=path, lookup_key="$a['v']", record=[Field("x", "1"), Field("y", False)])
    given: Record = {"x": "old", "a": {"v": "ERROR x"}, "z": 1}
    assert shown(records(plugin, [given])) == shown([{"a": {"v": "ERROR x"}, "z": 1, "x": "1", "y": False}])


def test_values_of_fields() -> None:
    assert [Field.read(t) for t in ("a TRUE", 'a "false"', "a null", "a b", "a b c d", 'a ""')] == [
        ("a", True),
        ("a", False),
        ("a", None),
        ("a", "b"),
        ("a", "c d"),
        ("a", ""),
    ]
    with pytest.raises(ValueError, match="expected KEY VALUE"):
        Field.read("a")


def test_a_list_that_cannot_be_read_is_said() -> None:
    env = Lent()
    assert records(Checklist(file="/nope/list", record=[Field("a", "1")]), [{"log": "x"}], env) == [{"log": "x"}]
    assert "cannot read /nope/list" in str(env.said.lines)
    assert doubt_file("/nope/list") == "cannot read /nope/list: No such file or directory; the filter works without it"


def test_a_line_that_is_too_long_ends_the_list(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"one\n" + b"x" * (LONGEST + 1) + b"\ntwo\n")
    values, wrong = read_list(str(path))
    assert values == ["one"]
    assert wrong.startswith(f"{path}:2: a line of more than")


def test_query_times_are_logged(path: str) -> None:
    env = Lent()
    records(Checklist(file=path, record=[Field("a", "1")], print_query_time=True), [{"log": "ERROR x"}, {}], env)
    assert "found" in str(env.said.lines)


def test_check(path: str) -> None:
    ((option, message),) = Checklist(file=path, lookup_key="$a[").check()
    assert (option, message) == ("lookup_key", "'$a[' is no accessor: expected $key, $key['sub'] or $key[0]")
    assert doubt_mode("fuzzy") == "exact or partial is expected; exact is taken"


@settings(max_examples=200)
@given(st.lists(st.text("ab%_", min_size=1, max_size=7), min_size=1, max_size=3), st.text("abc\n", max_size=8))
def test_placeholders_stand_for_what_they_stand_for(listed: list[str], value: str) -> None:
    like = ("".join({"%": ".*", "_": "."}.get(c, c) for c in pattern) for pattern in listed)
    assert partial(listed)(value) is any(re.match(pattern, value, re.DOTALL) is not None for pattern in like)


def test_many_placeholders_do_not_take_long() -> None:
    started = time.process_time()
    assert not partial(["%a" * 20 + "b"])("a" * 5000)
    assert time.process_time() - started < 5  # trying all ways: for ever
