from typing import Any

import pytest

from pyrolens.api import Record
from pyrolens.multiline.joiner import Owner
from pyrolens.multiline.parts import Parts


def part(log: Any, last: str = "false", id_: Any = "c0ffee", **others: Any) -> Record:
    partial = {"partial_message": "true", "partial_id": id_, "partial_ordinal": "1", "partial_last": last}
    return {"log": log, **partial, **others}


def joined(*records: Record) -> list[Record]:
    """Messages that are complete."""
    parts = Parts("log")
    out: list[Record] = []
    for n, record in enumerate(records):
        id_ = parts.id_of("app", record)
        if id_ is None:
            out.append(record)
        elif parts.add(id_, n, record, Owner()):
            (_, complete), _ = parts.take(id_)
            out.append(complete)
    return out


def test_parts_are_joined_in_the_order_in_which_they_come() -> None:
    (record,) = joined(part("two ", a=1), part("one ", a=2, b=3), part("three", "true"))
    assert record == {"a": 1, "log": "two one three"}
    assert list(record) == ["a", "log"]


def test_messages_are_told_apart_by_their_id() -> None:
    assert joined(part("A1 "), part("B1 ", id_="b"), part("A2", "TRUE"), part("B2", "true", id_=b"b")) == [
        {"log": "A1 A2"},
        {"log": "B1 B2"},
    ]


def test_a_part_may_be_the_whole() -> None:
    assert joined(part(b"only\xff", "true", id_=7)) == [{"log": "only\udcff"}]


@pytest.mark.parametrize(
    "record",
    [
        {"log": "x"},
        {"log": "x", "partial_message": "false", "partial_id": "1"},
        {"log": "x", "partial_message": True, "partial_id": "1"},
        {"log": "x", "partial_message": "true"},
        {"text": "x", "partial_message": "true", "partial_id": "1"},
        {"log": 5, "partial_message": "true", "partial_id": "1"},
    ],
)
def test_what_is_no_part(record: Record) -> None:
    assert Parts("log").id_of("app", record) is None


def test_a_name_that_begins_the_name_is_taken_for_it() -> None:
    first: Record = {"part": "true", "partial_id": "1", "lo": "x", "partial_last": "true", "p": 1, "q": 2}
    assert joined(first) == [{"q": 2, "lo": "x"}]
    record: Record = {"partial_m": "true", "partial_id": "1", "lo": "x", "partial_last": "true", "q": 2, "partially": 3}
    assert joined(record) == [{"q": 2, "lo": "x", "partially": 3}]


def test_time_and_owners() -> None:
    parts, one, two = Parts("log"), Owner(), Owner()
    id_ = parts.id_of("app", part("a"))
    assert id_ == ("app", "c0ffee")
    assert not parts.add(id_, 10, part("a"), one)
    assert not parts.add(id_, 11, part("b"), one)
    assert parts.add(id_, 12, part("c", "true"), two)
    assert (one.waiting, two.waiting) == (1, 1)
    assert parts.take(id_) == ((10, {"log": "abc"}), [one, two])
    assert parts.waiting == {}
