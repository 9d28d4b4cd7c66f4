import uuid

import pytest

from pyrolens.api import Pair, Record
from pyrolens.filters.record_modifier import RecordModifier
from tests.filters.trial import records, shown

R: Record = {"log": "x", "level": "info", "Level": "UP", "error-code": 7, "error-text": "t", "É": 1}


def adding(**fields: str) -> list[Pair]:
    return [Pair(key, value) for key, value in fields.items()]


def only(*names: str) -> Record:
    return {name: R[name] for name in names}


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        (RecordModifier(), R),
        (RecordModifier(record=adding(a="1", b="")), {**R, "a": "1", "b": ""}),
        (RecordModifier(record=adding(log="new")), {**R, "log": "new"}),
        (RecordModifier(record=[Pair("a", "1"), Pair("a", "2")]), {**R, "a": "2"}),
        (
            RecordModifier(remove_key=["LEVEL", "nope", "é"]),
            {k: R[k] for k in ("log", "error-code", "error-text", "É")},
        ),
        (RecordModifier(remove_key=["Error-*"]), only("log", "level", "Level", "É")),
        (RecordModifier(remove_key=["*code", "err*text"]), R),
        (RecordModifier(remove_key=["É"]), only("log", "level", "Level", "error-code", "error-text")),
        (RecordModifier(remove_key=["*"]), R),
        (RecordModifier(remove_key=["*"], record=adding(only="this")), {"only": "this"}),
        (
            RecordModifier(remove_key=["log"], record=adding(log="new")),
            {**{k: R[k] for k in list(R)[1:]}, "log": "new"},
        ),
        (RecordModifier(allowlist_key=["log", "LEV*"]), only("log", "level", "Level")),
        (RecordModifier(allowlist_key=["nope"]), R),
        (RecordModifier(allowlist_key=["nope"], record=adding(a="1")), {"a": "1"}),
    ],
)
def test_fields(plugin: RecordModifier, expected: Record) -> None:
    assert shown(records(plugin, [R])) == shown([expected])


def test_a_record_that_would_lose_all_stays() -> None:
    given: list[Record] = [{"a": 1}, {"a": 1, "b": 2}, {}]
    assert records(RecordModifier(remove_key=["a"]), given) == [{"a": 1}, {"b": 2}, {}]


def test_uuid() -> None:
    one, two = records(RecordModifier(uuid_key="id", record=adding(a="1"), remove_key=["x"]), [{"x": 1}, {"id": "old"}])
    assert list(one) == ["a", "id"]
    assert len({str(uuid.UUID(r["id"])) for r in (one, two)}) == 2


def test_remove_and_allow_together() -> None:
    plugin = RecordModifier(remove_key=["a"], allowlist_key=["b"])
    assert list(plugin.check()) == [("allowlist_key", "Allowlist_key cannot be combined with Remove_key")]
    assert list(RecordModifier(remove_key=["a"]).check()) == []
