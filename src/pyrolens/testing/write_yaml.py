"""Values as YAML that the reader of test files reads as the same."""

import json
import re
from typing import Any

from pyrolens.language.yaml_nodes import typed_scalar
from pyrolens.testing.compare import plain

SIMPLE = re.compile(r"[A-Za-z/_](?:[\w/ .+-]|:(?=[^ ]))*(?<! )")
WORDS = {"yes", "no", "on", "off", "true", "false", "null"}


def scalar(value: Any) -> str:
    if isinstance(value, str):
        plainly = SIMPLE.fullmatch(value) and value.isascii() and value.lower() not in WORDS
        return value if plainly and typed_scalar(value) == value else quoted(value)
    return json.dumps(value)


def quoted(value: str) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" if c <= "\uffff" else f"\\U{ord(c):08x}" for c in shown)


def lines(value: Any, indent: str = "") -> list[str]:
    """A list or a map that is not empty, as a block."""
    out: list[str] = []
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list) and item:
                first, *rest = lines(item, indent + "  ")
                out += [f"{indent}- {first.lstrip()}", *rest]
            else:
                out.append(f"{indent}- {flat(item)}")
        return out
    for name, inner in value.items():
        out += entry(name, inner, indent)
    return out


def entry(name: str, value: Any, indent: str) -> list[str]:
    key = f"{indent}{scalar(name)}:"
    if isinstance(value, dict | list) and value:
        return [key, *lines(value, indent + "  ")]
    return [f"{key} {flat(value)}"]


def flat(value: Any) -> str:
    return "{}" if value == {} else "[]" if value == [] else scalar(plain(value))
