"""The value of a single field as what a destination is sent (log_key)."""

from typing import Any

from pyrolens.records.codecs import json_value


def value_bytes(value: Any, escape_unicode: bool) -> bytes:
    """Text as it is, byte for byte; anything else as JSON."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        return value
    return json_value(value, escape_unicode=escape_unicode)


def value_line(value: Any, escape_unicode: bool) -> bytes:
    return value_bytes(value, escape_unicode) + b"\n"
