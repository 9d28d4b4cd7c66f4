"""Records that an application may well send, and nobody thinks of."""

import math
from typing import Any

from msgspec.msgpack import Ext

from pyrolens.records.event import Event, Record, Stamp

NOW = 1_780_000_000_123_456_789


def nested(levels: int) -> Record:
    made: Any = {"leaf": "x"}
    for n in range(levels):
        made = [made] if n % 3 == 2 else {"in": made}
    return {"log": made}


ODD: dict[str, Record] = {
    "plain": {"log": "hello", "message": "hello", "n": 1},
    "empty": {},
    "nested": nested(60),
    "nan": {"log": math.nan, "a": math.inf, "b": [-math.inf]},
    "bytes": {"log": b"\xff\x00a", "b": [b"", {"c": b"\xfe"}]},
    "surrogates": {"log": "caf\udce9 \udcff", "k\udcff": ["\udc80"]},
    "large": {"log": "x" * (2 << 20)},
    "large_unicode": {"log": "é\n" * (700 << 10)},
    "empty_key": {"": "a", "log": ""},
    "unicode_keys": {"größe": 1, "日本": "語", "a b=c,d\n": "e", '"': "'"},
    "keys_of_others": {1: "a", None: "b", b"c": "d", False: "e", 1.5: "f"},  # type: ignore[dict-item]
    "blank": {"log": " \n\t\r\n ", "message": ""},
    "control": {"log": "a\x00b\x1b[31m\x7f\u2028"},
    "numbers": {"log": 2**64 - 1, "a": -(2**63), "b": 1e308, "c": -0.0, "d": 5e-324},
    "constants": {"log": None, "a": True, "b": False},
    "containers": {"log": [], "message": {}, "a": [[], [[]], {"": {}}]},
    "extension": {"log": Ext(5, b"\x01"), "a": "b"},
    "same_as_added": {
        "timestamp": {},
        "@timestamp": [],
        "date": 1,
        "_id": 5,
        "host": {"a": 1},
        "plugin": "x",
        "log": "l",
    },
}
"""Values are all that a Record may hold (half of a surrogate pair is none: inputs make it U+FFFD)."""


def events(record: Record) -> list[Event]:
    """Also at the beginning of time, and with metadata."""
    others = [(0, record), (Stamp(NOW, {"m": 1}), record)]
    return [(NOW, record), *([] if len(str(record.get("log"))) > 1 << 20 else others)]
