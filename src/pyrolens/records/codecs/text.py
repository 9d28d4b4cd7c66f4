"""Values as the stdout output prints them: {"key"=>"value", "n"=>1.500000, "none"=>nil}.

Source: lib/msgpack-c/src/objectc.c (Fluent Bit 5.1.1). Text is not escaped.
"""

from typing import Any

import msgspec

from pyrolens.records.event import SECOND, metadata_of

PRINTABLE = {b: chr(b) for b in range(0x20, 0x7F)} | {0x22: '\\"'}
TOO_DEEP = 200


def text_of(value: Any, depth: int = 0) -> str:
    """The text of one value; it may hold surrogate escapes."""
    kind = type(value)
    if kind is str:
        return f'"{value}"'
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if value is None or depth > TOO_DEEP:
        return "nil"
    if kind is float:
        return f"{value:f}" if value == value else "nan"
    if isinstance(value, dict):
        inner = [f"{text_of(k, depth + 1)}=>{text_of(v, depth + 1)}" for k, v in value.items()]
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([text_of(v, depth + 1) for v in value]) + "]"
    if isinstance(value, (bytes, bytearray)):
        return f'"{_printable(bytes(value))}"'
    if isinstance(value, msgspec.msgpack.Ext):
        return f'(ext: {value.code})"{_printable(bytes(value.data))}"'
    return f'"{value}"'


def stdout_text(ns: int, record: dict[Any, Any]) -> str:
    """[[sec.nsec, {metadata}], {record}]"""
    seconds, rest = divmod(int(ns), SECOND)
    return f"[[{seconds}.{rest:09d}, {text_of(metadata_of(ns))}], {text_of(record)}]"


def _printable(data: bytes) -> str:
    return "".join(PRINTABLE.get(b) or f"\\x{b:02x}" for b in data)
