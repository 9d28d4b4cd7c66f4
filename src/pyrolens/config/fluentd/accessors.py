"""Fields of records as Fluentd names them, and values as Ruby writes them.

Source: Fluentd 1.19, lib/fluent/plugin_helper/record_accessor.rb; Ruby 3.1, to_s and inspect.
"""

import re
from collections.abc import Callable
from typing import Any

from pyrolens.records.event import Record

Get = Callable[[Record], Any]
"""The value, or None."""
Key = str | int


def keys_of(text: str) -> list[Key]:
    """`$.a.b[0]`, `$['a']['b']`, or the name of a field. Raises: ValueError."""
    if text.startswith("$."):
        return _dotted(text)
    if text.startswith("$["):
        return _bracketed(text)
    return [text]


def _dotted(text: str) -> list[Key]:
    out: list[Key] = []
    for part in text[2:].split("."):
        head, bracket, rest = part.partition("[")
        if head:
            out.append(head)
        if bracket:
            if not re.fullmatch(r"-?\d+(?:\]\[-?\d+)*\]", rest):
                raise ValueError(f"expected a number in the brackets of {text}")
            out += [int(number) for number in re.findall(r"-?\d+", rest)]
    if not out:
        raise ValueError(f"expected a name behind {text}")
    if any(isinstance(key, str) and re.search(r"\s", key) for key in out):
        raise ValueError(f"expected no blank in {text}: write it as $['a b']")
    return out


def _bracketed(text: str) -> list[Key]:
    out: list[Key] = []
    at = 1
    step = re.compile(r"\[(?:'(.*?)'|\"(.*?)\"|(-?\d+))\]")
    while at < len(text):
        found = step.match(text, at)
        if found is None:
            raise ValueError(f"expected ['name'] or [0] in {text}")
        out.append(int(found[3]) if found[3] else found[1] if found[1] is not None else found[2])
        at = found.end()
    return out


def getter(text: str) -> Get:
    """Raises: ValueError."""
    keys = keys_of(text)
    if len(keys) == 1 and isinstance(keys[0], str):
        name = keys[0]
        return lambda record: record.get(name)

    def get(record: Record) -> Any:
        value: Any = record
        for key in keys:
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
                value = value[key]
            else:
                return None
        return value

    return get


def remover(text: str) -> Callable[[Record], Record]:
    """The record without the field; the one that it is given stays as it is. Raises: ValueError."""
    keys = keys_of(text)
    return lambda record: _without(record, keys)


def _without(value: Any, keys: list[Key]) -> Any:
    key, rest = keys[0], keys[1:]
    if isinstance(value, dict) and key in value:
        if rest:
            return {**value, key: _without(value[key], rest)}
        return {k: v for k, v in value.items() if k != key}
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        copied = list(value)
        if rest:
            copied[key] = _without(value[key], rest)
        else:
            del copied[key]
        return copied
    return value


def to_s(value: Any) -> str:
    """As Ruby's to_s: nothing for nil, and arrays and hashes as in its source code."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return inspect(value)


def inspect(value: Any) -> str:
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return f'"{QUOTED.sub(_escaped, value)}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inspect(k)}=>{inspect(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inspect, value)) + "]"
    return str(value)


def float_text(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}e{exponent}" if e else text


QUOTED = re.compile(r"[\"\\\x00-\x1f\x7f]|#(?=[{$@])|[\udc80-\udcff]")
NAMED = {
    '"': '\\"', "\\": "\\\\", "#": "\\#", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f", "\v": "\\v",
    "\b": "\\b", "\a": "\\a", "\x1b": "\\e", "\x7f": "\\u007F",
}  # fmt: skip


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    if char in NAMED:
        return NAMED[char]
    return f"\\x{ord(char) & 0xFF:02X}" if ord(char) > 0x7F else f"\\u{ord(char):04X}"


def to_i(value: Any) -> int:
    """As Ruby's to_i: 0 where no number begins."""
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        value = to_s(value)
    if isinstance(value, int | float):
        return int(value) if value == value and abs(value) != float("inf") else 0
    found = re.match(r"\s*([+-]?\d+(?:_\d+)*)", to_s(value)[:4000])
    return int(found[1].replace("_", "")) if found else 0


def to_f(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = re.match(r"\s*([+-]?\d+(?:_\d+)*(?:\.\d+(?:_\d+)*)?(?:[eE][+-]?\d+)?)", to_s(value)[:4000])
    return float(found[1].replace("_", "")) if found else 0.0
