from typing import Any

import pytest

from pyrolens.parsers._common import TimeOptions
from pyrolens.parsers.logfmt import Logfmt
from tests.lent import Lent

MAY = 1779959551_000_000_000


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("level=info msg=started port=8080", {"level": "info", "msg": "started", "port": "8080"}),
        (r'a="say \"hi\"" b="x\ny" c="\u00e9" d="\q"', {"a": 'say "hi"', "b": "x\ny", "c": "é", "d": "q"}),
        ('a="cut\\u0000off"', {"a": "cut"}),
        ('a="open', {"a": "open"}),
        ('a="open\\', {"a": "open\\"}),
        ('a="" b= c', {"a": "", "b": True, "c": True}),
        ("a=", {"a": True}),
        ('"quoted text" only', {"quoted": True, "text": True, "only": True}),
        ('{"a":1}', {"{": True, "a": True, ":1}": True}),
        ('a=b"c d"e f=1', {"a": "b", "c": True, "d": True, "e": True, "f": "1"}),
        ("a=b=c d==e", {"a": "b", "c": True, "d": True, "e": True}),
        ("url=http://x/?q=1&r=2", {"url": "http://x/?q", "1&r": "2"}),
        ("  a=1   b=2\tc=3 ", {"a": "1", "b": "2", "c": "3"}),
        ("a=1\nb=2", {"a": "1"}),
        ("a=1\r\nb=2", {"a": "1"}),
        ("a=1 \n b=2", {"a": "1", "b": "2"}),
        ("a=1 b=2 a=3", {"a": "3", "b": "2"}),
        ("", None),
        ("   ", None),
        ("===", None),
    ],
)
def test_pairs(text: str, record: dict[str, Any] | None) -> None:
    assert Logfmt().compile(Lent())(text) == (None if record is None else (record, None))


@pytest.mark.parametrize(
    ("text", "record"),
    [("level=info verbose", None), ("level=info a= b=2", {"level": "info", "a": True, "b": "2"}), ("text", None)],
)
def test_no_bare_keys(text: str, record: dict[str, Any] | None) -> None:
    parse = Logfmt(logfmt_no_bare_keys=True).compile(Lent())
    assert parse(text) == (None if record is None else (record, None))


def test_types_leave_escapes_and_empty_keys() -> None:
    parse = Logfmt(types="status:integer ok:bool").compile(Lent())
    assert parse('status=200 ok=true flag name="x y" esc="q\\"q"') == (
        {"status": 200, "ok": True, "flag": "", "name": "x y", "esc": 'q\\"q'},
        None,
    )


@pytest.mark.parametrize(
    ("keep", "text", "result"),
    [
        (False, "ts=2026-05-28T09:12:31 m=x", ({"m": "x"}, MAY)),
        (None, 'ts="2026-05-28T09:12:31" m=x', ({"m": "x"}, MAY)),
        (True, "ts=2026-05-28T09:12:31 m=x", ({"ts": "2026-05-28T09:12:31", "m": "x"}, MAY)),
        (False, "m=x ts=2026-05-28T09:12:31\nb=1", ({"m": "x"}, MAY)),
        (False, "ts= m=x", ({"ts": True, "m": "x"}, None)),
        (False, "ts=bad m=x", None),
        (False, "ts=1960-05-28T09:12:31 m=x", None),
        (False, "ts=2026-05-28T09:12:31", None),
    ],
)
def test_time(keep: bool | None, text: str, result: Any) -> None:
    time = TimeOptions(key="ts", format="%Y-%m-%dT%H:%M:%S", keep=keep)
    assert Logfmt(time=time).compile(Lent())(text) == result
