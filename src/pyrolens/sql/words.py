"""Text of a query -> its words, with their places.

Source: Fluent Bit 5.1.1, src/stream_processor/parser/sql.l and plugins/processor_sql/parser/sql-parser.l.
Differs: whole numbers and fractions keep 64 bits; Fluent Bit cuts them to 32.
"""

import re
from typing import Any, NamedTuple

from pyrolens.sql.nodes import AGGREGATES, FUNCTIONS, Doubt, QueryError


class Word(NamedTuple):
    kind: str
    """The word itself, upper case, if it is one of the language; else name, text, whole, number, truth or end."""
    text: str
    """As written."""
    at: int
    value: Any = None

    @property
    def length(self) -> int:
        return max(len(self.text), 1)


SELECTING = frozenset({"SELECT", "AS", "FROM", "WHERE", "AND", "OR", "NOT", "IS", "NULL", "STREAM"})
TASKS = SELECTING | {
    "CREATE", "FLUSH", "SNAPSHOT", "WITH", "WINDOW", "LIMIT", "CONTAINS", "TIME", "TUMBLING", "HOPPING", "HOUR",
    "MINUTE", "SECOND", "STREAM:", "TAG:", "GROUP BY", "ADVANCE BY", "@RECORD", *AGGREGATES, *FUNCTIONS,
}  # fmt: skip
NUMBERS = r"(?P<number>(?:-?[1-9][0-9]*|0)\.[0-9]+)|(?P<whole>-?[1-9][0-9]*|0)|(?P<text>'(?:[^']|'')*')"
NAME = r"(?P<name>[_A-Za-z][A-Za-z0-9_.]*)"
COMPARISONS = "!=|<>|<=|>="
OF_TASKS = re.compile(
    rf"(?P<blank>[ \t\n]+)|(?P<pair>GROUP BY|ADVANCE BY|STREAM:|TAG:|@RECORD)|{NAME}|{NUMBERS}"
    rf"|(?P<mark>{COMPARISONS}|[*,=()\[\].;<>])|(?P<other>.)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
OF_SELECTIONS = re.compile(
    rf"(?P<blank>[ \t\n]+)|{NAME}|{NUMBERS}|(?P<mark>{COMPARISONS}|[*,=();<>])|(?P<other>.)",
    re.ASCII | re.DOTALL,
)
HINTS = {
    '"': "text stands in single quotes: 'x'",
    "`": "names stand without quotes",
    "-": "numbers are written as 5, -5, 2.5 or -2.5; there are no comments, and no -0.5",
    "#": "there are no comments",
    ":": "a source is STREAM:name or TAG:'pattern', without a blank before the colon",
    "\r": "end lines with a line feed alone",
}
"""By characters that do not belong into a query."""
OF_SELECTION = HINTS | {
    ":": "the source is STREAM, and nothing more",
    "[": "fields within fields cannot be named here",
    "@": "there is no @record here",
}
"""In the processor."""


def words_of_task(query: str) -> tuple[list[Word], list[Doubt]]:
    """Characters that mean nothing are left out, as Fluent Bit does; each is a doubt. Raises: QueryError."""
    return _words(query, OF_TASKS, TASKS, lenient=True)


def words_of_selection(query: str) -> list[Word]:
    """Raises: QueryError."""
    return _words(query, OF_SELECTIONS, SELECTING, lenient=False)[0]


def _words(
    query: str, pattern: re.Pattern[str], known: frozenset[str], *, lenient: bool
) -> tuple[list[Word], list[Doubt]]:
    words: list[Word] = []
    doubts: list[Doubt] = []
    for found in pattern.finditer(query):
        kind, text, at = found.lastgroup, found[0], found.start()
        upper = text.upper()
        if kind == "blank":
            continue
        if kind == "name" and upper in ("TRUE", "FALSE"):
            words.append(Word("truth", text, at, upper == "TRUE"))
        elif kind == "name":
            words.append(Word(upper if upper in known else "name", text, at, text))
        elif kind == "text":
            words.append(Word("text", text, at, text[1:-1].replace("''", "'")))
        elif kind == "whole":
            words.append(Word("whole", text, at, int(text)))
        elif kind == "number":
            words.append(Word("number", text, at, float(text)))
        elif kind in ("pair", "mark"):
            words.append(Word("!=" if text == "<>" else upper, text, at))
        elif text == "'":
            raise QueryError("the text has no closing quote", at, len(query) - at, "a quote within text is written ''")
        elif not lenient:
            raise QueryError(f"'{text}' does not belong into a query", at, 1, OF_SELECTION.get(text, ""))
        else:
            shown = text if text.isprintable() else repr(text)[1:-1]
            doubts.append(Doubt(f"'{shown}' means nothing here and is left out", at, 1, HINTS.get(text, "")))
    words.append(Word("end", "", len(query)))
    return words, doubts
