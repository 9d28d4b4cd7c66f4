"""Which files the environment of an init process names, and in what order.

Source: aws-for-fluent-bit 2.32 and its branch develop, init/fluent_bit_init_process.go, for the names of variables.
Differs: in the order of their numbers (there: of the environment, which is that of a map), and s3 before file where
the numbers are equal. A file may also be named by s3://, ssm:, env: and https:// addresses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = re.compile(r"aws_fluent_bit_init_(s3|file|ssm|env|https)(?:_?(\d+))?", re.IGNORECASE)
"""Anywhere in the name, as there."""
IGNORE = re.compile(r"aws_fluent_bit_init_ignore_firelens", re.IGNORECASE)
NEARLY = re.compile(r"fluent.?bit.?init|init.?fluent.?bit|pyrolens.?init", re.IGNORECASE)
KINDS = ("s3", "file", "ssm", "env", "https")
ON = ("true", "on")


@dataclass(frozen=True, slots=True)
class Source:
    """One file that a variable names."""

    variable: str
    kind: str
    number: int | None
    """None comes after all numbers."""
    value: str


def sources(environ: Mapping[str, str]) -> list[Source]:
    """In the order in which they are included."""
    found = []
    for name, value in environ.items():
        if (match := SOURCE.search(name)) and not IGNORE.search(name):
            number = int(match[2]) if match[2] else None
            found.append(Source(name, match[1].lower(), number, value.strip()))
    return sorted(found, key=_order)


def _order(source: Source) -> tuple[bool, int, int, str]:
    return source.number is None, source.number or 0, KINDS.index(source.kind), source.variable


def ignores_firelens(environ: Mapping[str, str]) -> str:
    """The variable that says to leave out what the ECS agent has generated; "" when none does."""
    return next((n for n, v in environ.items() if IGNORE.search(n) and v.strip().lower() in ON), "")


def unused(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """(variable, why it is not used) of those that look as if they were meant for the init process."""
    out = []
    for name, value in sorted(environ.items()):
        if IGNORE.search(name):
            if value.strip().lower() not in ON:
                out.append((name, f"its value is '{value}': expected true or on"))
        elif not SOURCE.search(name) and NEARLY.search(name) and not name.startswith("PYROLENS_"):
            out.append(
                (name, "no such name is known: expected aws_fluent_bit_init_s3_1, aws_fluent_bit_init_file_1, …")
            )
    return out
