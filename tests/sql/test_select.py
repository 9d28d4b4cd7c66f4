import time
from typing import Any

import pytest

from pyrolens.records.event import Event, Stamp
from pyrolens.sql.select import shaper
from pyrolens.sql.syntax import read_task

RECORD = {"i": 1, "a": {"b": {"c": 5}, "n": None}, "l": [1], "t": "x", "z": None}
NS = 1_700_000_000_500_000_000


def shaped(columns: str, *records: dict[str, Any], now: int = 0) -> list[Event]:
    statement = read_task(f"SELECT {columns} FROM TAG:'x';")
    return shaper(statement.columns, lambda: now)("the.tag", [(NS, record) for record in records or (RECORD,)])


@pytest.mark.parametrize(
    ("columns", "new"),
    [
        ("t, i", {"t": "x", "i": 1}),
        ("i AS x, i AS y", {"x": 1, "y": 1}),
        ("l, z", {"l": [1], "z": None}),
        ("a['b']", {"a['b']": {"c": 5}}),
        ("a['b']['c'] AS c, a['n'], a['nope'], i", {"c": 5, "a['n']": None, "i": 1}),
        ("t['x'], l['x']", {"t['x']": "x"}),
        ("*, RECORD_TAG() AS tag", {**RECORD, "tag": "the.tag"}),
        ("RECORD_TIME(), nope", {"RECORD_TIME()": 1_700_000_000.5}),
    ],
)
def test_what_is_selected(columns: str, new: dict[str, Any]) -> None:
    [(ns, record)] = shaped(columns)
    assert (ns, list(record.items())) == (NS, list(new.items()))


def test_a_record_of_which_nothing_is_selected_makes_none() -> None:
    assert shaped("i", {"x": 1}, {"i": 2}, {}) == [(NS, {"i": 2})]


def test_everything_is_the_events_themselves() -> None:
    events: list[Event] = [(Stamp(1, {"meta": 1}), {"a": 1})]
    assert shaper(read_task("SELECT * FROM TAG:'x';").columns, lambda: 0)("t", events) is events


def test_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    now = 1_700_000_000_900_000_000
    assert shaped("NOW(), UNIX_TIMESTAMP() AS u", now=now) == [
        (NS, {"NOW()": "2023-11-15 07:13:20", "u": 1_700_000_000})
    ]
    monkeypatch.undo()
    time.tzset()
