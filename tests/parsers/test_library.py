"""library.json holds lines of each program, and what Fluent Bit 5.1.1 makes of them with its own parsers files:
`record` and `time` in ns; null: the line does not parse, and the time is not taken."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from pyrolens.parsers._library import builtin, names
from pyrolens.parsers.json import Json
from pyrolens.parsers.logfmt import Logfmt
from pyrolens.parsers.regex import Regex
from pyrolens.plugin import builtin_parser
from tests.lent import Lent

CASES = json.loads(Path(__file__).with_name("library.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['parser']}: {case['line'][:40]}")
def test_lines(case: dict[str, Any]) -> None:
    parser = builtin(case["parser"])
    assert isinstance(parser, Json | Logfmt | Regex)
    result = parser.compile(Lent())(case["line"])
    if case["record"] is None:
        assert result is None
        return
    assert result is not None
    record, ns = result
    assert record == case["record"]
    if ns is not None and "%Y" not in (parser.time.format or ""):
        # it was recorded in another year
        assert time.gmtime(ns // 10**9)[1:6] == time.gmtime(case["time"] // 10**9)[1:6]
    else:
        assert ns == case["time"]


def test_each_parser_has_a_line_that_it_parses() -> None:
    assert {case["parser"] for case in CASES if case["record"] is not None} == set(names())


def test_by_name() -> None:
    assert builtin_parser("nginx") is builtin("nginx")
    assert builtin_parser("NGINX") is None
    assert builtin_parser("ghost") is None
