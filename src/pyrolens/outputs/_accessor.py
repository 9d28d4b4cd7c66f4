"""A field of a record by its accessor: $key, $key['sub'][0]."""

import re
from collections.abc import Callable
from typing import Any

from pyrolens.records.event import Record

SHAPE = re.compile(r"""\$?([^\s\[\]'"$]+)((?:\[(?:'[^']*'|"[^"]*"|\d+)\])*)""")
STEP = re.compile(r"""\[(?:'([^']*)'|"([^"]*)"|(\d+))\]""")


def compile_accessor(text: str) -> Callable[[Record], Any]:
    """A function from a record to the value, None where there is none. Raises: ValueError("expected ...")."""
    found = SHAPE.fullmatch(text.strip())
    if not found:
        raise ValueError("expected an accessor such as $key or $key['sub']")
    first = found[1]
    steps: list[str | int] = [int(n) if n else a or b for a, b, n in STEP.findall(found[2])]
    if not steps:
        return lambda record: record.get(first)

    def get(record: Record) -> Any:
        value = record.get(first)
        for step in steps:
            if isinstance(step, int) and isinstance(value, list):
                value = value[step] if step < len(value) else None
            elif isinstance(step, str) and isinstance(value, dict):
                value = value.get(step)
            else:
                return None
        return value

    return get
