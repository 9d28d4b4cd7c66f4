"""[MULTILINE_PARSER]: how lines are known to belong together. Who joins them is the filter and the input.

Source: Fluent Bit 5.1.1, src/flb_parser.c and src/multiline/flb_ml_rule.c.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pyrolens.options import Kind, ParserName, Switch, doubt_int, opt, read_int

START = "start_state"
LIMIT = 2 * 1024 * 1024
"""Bytes of a joined record, if nothing else is said."""
Milliseconds = Annotated[int, Kind("milliseconds", read_int, doubt=doubt_int)]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line that fits `regex` continues a record in one of the states `froms`, and leads to the state `to`."""

    froms: tuple[str, ...]
    regex: str
    to: str | None

    @property
    def starts(self) -> bool:
        return START in self.froms


@dataclass(frozen=True, kw_only=True)
class MultilineParser:
    """Says which lines belong together."""

    name: str = opt("Name of the parser.")
    type: Literal["regex", "endswith", "equal", "eq"] = opt("How lines are told apart.")
    match_string: str | None = opt("Of endswith and equal: the text to compare with.", default=None)
    negate: Switch = opt("Of endswith and equal: lines that differ are meant.", default=False)
    key_content: str | None = opt("Field that holds the text of a line.", default=None)
    key_group: str | None = opt("Field that tells streams of lines apart.", default=None)
    key_pattern: str | None = opt("Field that the pattern is matched against, if not key_content.", default=None)
    parser: ParserName | None = opt("Parser that a line passes first.", default=None)
    flush_timeout: Milliseconds = opt("Milliseconds after which a record without an end is complete.", default=4000)
    rules: tuple[Rule, ...] = ()


def read_limit(text: str) -> int:
    """Bytes; 0: no limit. k, m and g are powers of 1024 here; what is no size counts as the default."""
    if text.lower() == "false":
        return 0
    found = re.fullmatch(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)?)[^A-Za-z]*(?:([KMG])(?:I?B)?)?", text, re.IGNORECASE)
    if not text or not found:
        return LIMIT
    number = float(found[1]) if found[1].strip("+-") else 0.0
    size = int(number * 1024 ** " KMG".index((found[2] or " ").upper()))
    return size if size >= 0 else LIMIT


def rule(froms: str, regex: str, to: str | None) -> Rule:
    """Raises: ValueError("expected ...")."""
    states = tuple(s for part in froms.split(",") if (s := part.strip(" ")))
    if not states:
        raise ValueError("expected the name of a state before the pattern")
    return Rule(states, regex, to)
