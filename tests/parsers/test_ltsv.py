from typing import Any

import pytest

from pyrolens.parsers._common import TimeOptions
from pyrolens.parsers.ltsv import Ltsv
from tests.lent import Lent

MAY = 1779959551_000_000_000


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("time:09:12:31\turl:http://x/y:z", {"time": "09:12:31", "url": "http://x/y:z"}),
        ("a:\tb:1\tc:", {"a": "", "b": "1", "c": ""}),
        (":x\tb:1", {"b": "1"}),
        ("a:1\t\tb:2", {"a": "1"}),
        ("a:1\t", {"a": "1"}),
        ("a:1\tnolabel\tb:2", {"a": "1"}),
        ("a:1\tb:2\r\nc:3", {"a": "1", "b": "2"}),
        ("a:x\ny\tb:2", {"a": "x"}),
        ("a:1\t\nb:2", {"a": "1"}),
        ("a:1\0b:2", {"a": "1"}),
        ("a:1\tb:2\ta:3", {"a": "3", "b": "2"}),
        ("a.b-c_9:é\x0b", {"a.b-c_9": "é\x0b"}),
        ("plain text", None),
        ("", None),
        ("a", None),
        ("a b:1", None),
        ("nolabel\ta:1", None),
        (":x", None),
    ],
)
def test_fields(text: str, record: dict[str, str] | None) -> None:
    assert Ltsv().compile(Lent())(text) == (None if record is None else (record, None))


@pytest.mark.parametrize(
    ("keep", "text", "result"),
    [
        (False, "ts:2026-05-28T09:12:31\th:x", ({"h": "x"}, MAY)),
        (None, "ts:2026-05-28T09:12:31\th:x", ({"h": "x"}, MAY)),
        (True, "ts:2026-05-28T09:12:31\th:x", ({"ts": "2026-05-28T09:12:31", "h": "x"}, MAY)),
        (False, "h:x", ({"h": "x"}, None)),
        (False, "ts:\th:x", ({"ts": "", "h": "x"}, None)),
        (False, "ts:bad\th:x", None),
        (False, "ts:1960-05-28T09:12:31\th:x", None),
        (False, "ts:2026-05-28T09:12:31", None),
    ],
)
def test_time(keep: bool | None, text: str, result: Any) -> None:
    time = TimeOptions(key="ts", format="%Y-%m-%dT%H:%M:%S", keep=keep)
    assert Ltsv(time=time).compile(Lent())(text) == result


def test_types() -> None:
    parse = Ltsv(types="status:integer ms:float ok:bool bad:integer").compile(Lent())
    assert parse("status:200\tms:1.5\tok:true\tbad:x\tother:7") == (
        {"status": 200, "ms": 1.5, "ok": True, "bad": 0, "other": "7"},
        None,
    )
