"""Which rule of a filter has decided, and how often."""

from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import Event
from tests.rehearsal.configs import FORWARD, NULL, rehearsal

NS = 1_000_000_000
RECORDS: list[dict[str, Any]] = [
    {"log": "health", "level": "info"},
    {"log": "E1", "level": "error"},
    {"log": '{"a": 1}', "n": 1},
]


@pytest.mark.parametrize(
    ("lines", "used"),
    [
        (
            ["Name grep", "Exclude log ^health", "Regex level error", "Exclude log never"],
            [("Exclude log ^health", 1), ("Regex level error", 2), ("Exclude log never", 0)],
        ),
        (
            ["Name grep", "Logical_Op and", "Regex log .", "Regex level error"],
            [("Regex log .", 1), ("Regex level error", 3)],
        ),
        (
            ["Name grep", "Logical_Op or", "Exclude log health", "Exclude n 1"],
            [("Exclude log health", 3), ("Exclude n 1", 2)],
        ),
        (
            ["Name rewrite_tag", "Rule $log ^E err true", "Rule $log E again true", "Rule $n 1 one  true"],
            [("Rule $log ^E err true", 1), ("Rule $log E again true", 0), ("Rule $n 1 one true", 0)],
        ),
        (
            ["Name modify", "Condition Key_exists level", "Add seen yes", "Rename nothing x", "Set level none"],
            [
                ("Condition Key_exists level", 3),
                ("Add seen yes", 2),
                ("Rename nothing x", 0),
                ("Set level none", 2),
            ],
        ),
        (
            ["Name record_modifier", "Record by me", "Remove_key lev*", "Remove_key ghost"],
            [("Record by me", 3), ("Remove_key lev*", 2), ("Remove_key ghost", 0)],
        ),
        (["Name parser", "Key_Name log", "Parser json", "Parser cri"], [("Parser json", 3), ("Parser cri", 2)]),
        (["Name expect", "key_exists log", "key_exists level"], [("key_exists log", 2), ("key_exists level", 3)]),
        (["Name nest", "Operation nest", "Wildcard l*", "Nest_under m"], []),
    ],
)  # fmt: skip
def test_how_often_each_rule_has_decided(lines: list[str], used: list[tuple[str, int]], tmp_path: Path) -> None:
    text = FORWARD + "[FILTER]\n    Match t\n" + "".join(f"    {line}\n" for line in lines) + NULL
    with rehearsal(tmp_path, text) as r:
        assert [rule.records for rule in r.used.filters[0].rules] == [0] * len(used)
        r.feed("t", [(NS + n, record) for n, record in enumerate(RECORDS)])
        rules = r.used.filters[0].rules
    assert [(rule.text, rule.records) for rule in rules] == used
    written = text.splitlines()
    for rule in rules:
        assert rule.place is not None
        assert written[rule.place.line - 1].split() == rule.text.split()


def test_the_same_rule_twice_stands_at_two_places(tmp_path: Path) -> None:
    text = FORWARD + "[FILTER]\n    Name modify\n    Match t\n    Copy a b\n    Remove a\n    Copy a b\n" + NULL
    with rehearsal(tmp_path, text) as r:
        r.feed("t", [(NS, {"a": 1})])
        rules = r.used.filters[0].rules
    assert [(rule.place.line, rule.records) for rule in rules if rule.place] == [(7, 1), (8, 1), (9, 0)]


def why(folder: Path, lines: str, *records: dict[str, Any]) -> tuple[str, list[str]]:
    """Of the station, and of each drop."""
    events: list[Event] = [(NS + n, record) for n, record in enumerate(records)]
    with rehearsal(folder, f"{FORWARD}[FILTER]\n    Match *\n{lines}{NULL}") as r:
        journey = r.feed("t", events)
    return journey.legs[0].stations[0].why, [drop.why for drop in journey.dropped]


def test_why_a_record_is_dropped_or_left_alone(tmp_path: Path) -> None:
    grep = "    Name grep\n    Exclude log health\n    Regex level error\n"
    health, info = {"log": "health"}, {"log": "x", "level": "info"}
    assert why(tmp_path, grep, health) == ("Exclude log health", ["Exclude log health"])
    assert why(tmp_path, grep, info) == ("Regex level error does not match", ["Regex level error does not match"])
    assert why(tmp_path, grep, health, info) == ("", ["Exclude log health", "Regex level error does not match"])
    assert why(tmp_path, grep, {"log": "x", "level": "error"}) == ("", [])
    parser = "    Name parser\n    Key_Name log\n    Parser json\n"
    assert why(tmp_path, parser, {"log": "no"}) == ("Parser json does not match", [])
    assert why(tmp_path, parser, {"text": "no"}) == ("", [])
    modify = "    Name modify\n    Condition Key_exists n\n    Add a b\n"
    assert why(tmp_path, modify, {"log": "no"}) == ("Condition Key_exists n does not match", [])


def test_rules_of_a_processor_count_where_its_condition_holds(tmp_path: Path) -> None:
    text = """\
pipeline:
  inputs:
    - name: forward
      unix_path: /tmp/nobody.sock
      processors:
        logs:
          - name: grep
            exclude: log health
            condition: {op: and, rules: [{field: $level, op: eq, value: info}]}
  outputs: [{name: 'null', match: '*'}]
"""
    with rehearsal(tmp_path, text, "router.yaml") as r:
        other = r.feed("t", [(NS, {"log": "health"})])
        r.feed("t", [(NS + 1, {"log": "health", "level": "info"})])
        (use,) = r.used.filters
    assert [(rule.text, rule.records) for rule in use.rules] == [("exclude log health", 1)]
    assert (use.kind, use.records, use.dropped) == ("processor", 2, 1)
    assert other.legs[0].stations[0].why == "its condition does not hold"


def test_which_rule_decides_is_told_without_counting(tmp_path: Path) -> None:
    rules = ["Name grep", "Match *", "Exclude log health", "Regex level error"]
    config = FORWARD + "[FILTER]\n" + "".join(f"    {line}\n" for line in rules) + NULL
    with rehearsal(tmp_path, config) as made:
        first, second, third = (made.decisions("grep.0", "app", (NS, record)) for record in RECORDS)
        assert [(d.rule, d.place.line if d.place else 0, d.matches) for d in (*first, *second, *third)] == [
            ("Exclude log health", config.split("\n").index("    Exclude log health") + 1, True),
            ("Regex level error", config.split("\n").index("    Regex level error") + 1, True),
            ("Regex level error", config.split("\n").index("    Regex level error") + 1, False),
        ]
        assert made.decisions("null.0", "app", (NS, {})) == []
        (use,) = made.used.filters
        assert [rule.records for rule in use.rules] == [0, 0]
