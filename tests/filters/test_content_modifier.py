"""processor content_modifier, as Fluent Bit 5.1.1 does it."""

from typing import Any

import pytest
from msgspec.msgpack import Ext

from pyrolens.filters.content_modifier import ContentModifier, MisfitError, converted, hashed
from pyrolens.records.event import Event, Record, Stamp, metadata_of


def run(events: list[Event], **options: Any) -> list[Event]:
    made = ContentModifier(**options)
    assert list(made.check()) == []
    return made.compile(None)("t", events)  # type: ignore[arg-type]


def one(record: Record, **options: Any) -> Record:
    [(ns, new)] = run([(7, record)], **options)
    assert ns == 7
    return new


def test_insert_and_upsert() -> None:
    assert one({"a": 1}, action="insert", key="b", value="x") == {"a": 1, "b": "x"}
    assert one({"a": 1}, action="insert", key="a", value="x") == {"a": 1}
    assert list(one({"a": 1, "b": 2}, action="upsert", key="a", value="x").items()) == [("b", 2), ("a", "x")]


def test_delete_and_rename() -> None:
    assert one({"a": 1, "b": 2}, action="delete", key="a") == {"b": 2}
    assert list(one({"a": 1, "b": 2}, action="rename", key="a", value="c").items()) == [("c", 1), ("b", 2)]
    assert one({"b": 2}, action="rename", key="a", value="c") == {"b": 2}


def test_hash() -> None:
    assert one({"m": "hi"}, action="hash", key="m") == {
        "m": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"
    }
    assert hashed(12) == "6b51d431df5d7f141cbececcf79edf3dd861c3b4069f0b11661a3eefacbba918"
    assert hashed("") == ""


def test_extract() -> None:
    pattern = r"^(?<verb>\w+) (?<path>\S+)$"
    assert one({"m": "GET /a", "verb": "?"}, action="extract", key="m", pattern=pattern) == {
        "m": "GET /a",
        "verb": "GET",
        "path": "/a",
    }


@pytest.mark.parametrize("misfit", [{"a": "x"}, {"b": 1}, {"a": [1]}, {"a": {}}])
def test_what_does_not_fit_stays_and_the_others_are_changed(misfit: dict[str, Any]) -> None:
    events: list[Event] = [(1, {"a": "1"}), (2, misfit), (3, {"a": "3"})]
    changed = [(1, {"a": 1}), (2, misfit), (3, {"a": 3})]
    assert run(events, action="convert", key="a", converted_type="int") == changed


@pytest.mark.parametrize("value", [[1], {}, {"a": "b"}])
def test_lists_and_maps_have_no_hash(value: Any) -> None:
    assert one({"m": value}, action="hash", key="m") == {"m": value}


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        ("12", "int", 12),
        ("-5", "int", -5),
        ("4294967295", "int", 4294967295),
        (2.5, "int", 3),
        (-2.5, "int", -3),
        (None, "int", 0),
        (True, "int", 1),
        ("1.5", "double", 1.5),
        ("1.5x", "double", 1.5),
        (3, "double", 3.0),
        ("true", "boolean", True),
        ("TRUE", "boolean", True),
        ("yes", "boolean", False),
        (0, "boolean", False),
        (7, "string", "7"),
        (1.5, "string", "1.5"),
        (True, "string", "true"),
        (None, "string", "null"),
        ("x", "double", 0.0),
        ("", "double", 0.0),
    ],
)
def test_conversions(value: Any, kind: str, result: Any) -> None:
    found = converted(value, kind)
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("value", "kind"),
    [("1x", "int"), ("4294967296", "int"), ("1e999", "double"), (1e20, "int"), ([1], "string"), ({}, "boolean")],
)
def test_what_cannot_be_converted(value: Any, kind: str) -> None:
    with pytest.raises(MisfitError):
        converted(value, kind)


def test_metadata() -> None:
    [(ns, record)] = run([(Stamp(7, {"x": 1}), {"a": 1})], action="insert", key="b", value="y", context="metadata")
    assert (ns, metadata_of(ns), record) == (7, {"x": 1, "b": "y"}, {"a": 1})
    assert run([(7, {"a": 1})], action="insert", key="b", value="y", context="otel_scope_name") == [(7, {"a": 1})]


def test_records_are_not_edited() -> None:
    record = {"a": "1", "b": 2}
    for action in ("upsert", "delete", "rename", "hash"):
        run([(1, record)], action=action, key="a", value="z")
    assert record == {"a": "1", "b": 2}


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"action": "insert", "value": "x"}, "key"),
        ({"action": "insert", "key": "x"}, "value"),
        ({"action": "extract", "key": "x"}, "pattern"),
        ({"action": "extract", "key": "x", "pattern": "("}, "pattern"),
        ({"action": "convert", "key": "x"}, "converted_type"),
    ],
)
def test_mistakes(options: dict[str, Any], wrong: str) -> None:
    assert [name for name, _ in ContentModifier(**options).check()] == [wrong]


@pytest.mark.parametrize("value", [" \n\t\r\n ", Ext(5, b"\x01")])
def test_what_is_no_number_stays(value: object) -> None:
    with pytest.raises(MisfitError):
        converted(value, "int")
