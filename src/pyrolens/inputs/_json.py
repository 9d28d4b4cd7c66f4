"""JSON values one after the other in a text, as inputs get them."""

import json
import re
from collections.abc import Iterator
from typing import Any

BLANKS = re.compile(r"[\s\0]*")
SCAN = json.JSONDecoder(strict=False).scan_once


def values(text: str) -> Iterator[Any]:
    """Each JSON value of the text. Raises: ValueError at the first place that is no JSON."""
    at, end = BLANKS.match(text).end(), len(text)  # type: ignore[union-attr]
    while at < end:
        try:
            value, at = SCAN(text, at)
        except StopIteration as stop:
            raise ValueError(f"no JSON value at character {stop.value}") from None
        yield value
        at = BLANKS.match(text, at).end()  # type: ignore[union-attr]
